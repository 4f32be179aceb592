// WebGPU lanes: sums and maxima over a workgroup count every value once, for any size and composition of subgroups.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { hardDistillation } from "../../runtime/graph/operations/losses.js";
import { dot } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { Random } from "../nn/random.js";
import { SUBGROUPS, withSubgroups } from "./subgroup-models.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

/** More than two rounds of the 64 lanes, and a partial one. */
const CLASSES = 150;

/** a·b of integers, exact in any order of additions, and a loss whose two maxima are at each position once. */
function lanesProgram(executor: WebgpuExecutor) {
  const graph = new GraphBuilder("lanes");
  const [a, b] = [graph.input("a", [CLASSES]), graph.input("b", [CLASSES])];
  graph.output("sum", dot(graph, a, b, "sum"));
  const [logits, teacher] = [
    graph.input("logits", [CLASSES, CLASSES]),
    graph.input("teacher", [CLASSES, CLASSES]),
  ];
  graph.output("loss", hardDistillation(graph, logits, teacher));
  return planProgram(graph, executor.capabilities);
}

function lanesInputs() {
  const random = new Random(3);
  const whole = () => Float32Array.from({ length: CLASSES }, () => random.between(-200, 200));
  /** Row r is largest at index r·step, so far above the rest that its exp overflows float32. */
  const peaked = (step: number) =>
    Float32Array.from({ length: CLASSES ** 2 }, (_, i) => {
      const [row, place] = [Math.floor(i / CLASSES), i % CLASSES];
      return place === (row * step) % CLASSES ? 200 : -random.between(0, 200);
    });
  return { a: whole(), b: whole(), logits: peaked(1), teacher: peaked(7) };
}

async function claimed(executor: WebgpuExecutor): Promise<void> {
  const { a, b, logits, teacher } = lanesInputs();
  const executable = await executor.compile(lanesProgram(executor), new Map());
  const { sum, loss } = await executable.run({ a, b, logits, teacher });
  assert.equal(sum, Float32Array.of(a.reduce((total, value, i) => total + value * (b[i] as number), 0)));
  // Σ exp is exp(200) to float32's precision.
  const losses = Float32Array.from({ length: CLASSES }, (_, row) => {
    return 200 - (logits[row * CLASSES + ((row * 7) % CLASSES)] as number);
  });
  assert.equal(loss, losses);
  executable.dispose();
}

const found = await webgpuOrSkip(undefined, "subgroups");
if (found) {
  await found.dispose();
  for (const [who, subgroup] of Object.entries(SUBGROUPS)) {
    test(`with subgroups of ${who}, each value is taken once`, async () => {
      let changed = 0;
      const { host } = observedHost({
        kernel: (_, text) => {
          const modeled = withSubgroups(subgroup, text);
          if (modeled !== text) changed++;
          return modeled;
        },
      });
      const executor = (await webgpuOrSkip(host, "subgroups")) as WebgpuExecutor;
      await claimed(executor);
      assert.is(changed, 2);
      await executor.dispose();
    });
  }

  for (const tier of ["float32", "subgroups"] as const) {
    test(`as this device makes them on tier ${tier}, each value is taken once`, async () => {
      const executor = (await webgpuOrSkip(undefined, tier)) as WebgpuExecutor;
      await claimed(executor);
      await executor.dispose();
    });
  }
  test.run();
}
