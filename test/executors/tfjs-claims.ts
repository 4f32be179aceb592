// tfjs claims: a run disposes of its tensors, and other tfjs code keeps its backend.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import { importPackage } from "../../runtime/executors/tfjs/open-backend.js";
import type { Tfjs } from "../../runtime/executors/tfjs/tfjs.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { gelu } from "../../runtime/graph/operations/activations.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { createTraining } from "../../runtime/training/program.js";
import { assertClose } from "../nn/compare.js";
import { referenceGelu, referenceGeluSlope } from "../nn/reference-gelu.js";
import { MICRO, randomPixels, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";

export const tf = (await importPackage("@tensorflow/tfjs-core")) as Tfjs;

/** Values from −12 to 12, where GELU equals its asymptotes at both ends. */
const SWEEP = Float32Array.from({ length: 4801 }, (_, i) => (i - 2400) / 200);

export function geluClaims(executor: Executor): void {
  test("GELU and its slope are exact to 4e-7 of 1 and of x", async () => {
    const graph = new GraphBuilder("gelu");
    const [x, dy] = [graph.input("x", [SWEEP.length]), graph.input("dy", [SWEEP.length])];
    graph.output("y", gelu(graph, x, "y"));
    const dx = graph.activation("dx", [SWEEP.length]);
    graph.add("geluBackward", { reads: { x, dy }, writes: { dx } });
    graph.output("dx", dx);
    const executable = await executor.compile(planProgram(graph, executor.capabilities), new Map());
    const outputs = await executable.run({ x: SWEEP, dy: new Float32Array(SWEEP.length).fill(1) });
    const allowed = Array.from(SWEEP, (value) => 4e-7 * Math.max(1, Math.abs(value)));
    assertClose(outputs.y as Float32Array, Array.from(SWEEP, referenceGelu), allowed, "gelu");
    assertClose(outputs.dx as Float32Array, Array.from(SWEEP, referenceGeluSlope), allowed, "slope");
    executable.dispose();
  });
}

export function memoryClaims(executor: Executor): void {
  for (const [what, lossScaling] of [
    ["step", false],
    ["step with a scaled loss", true],
  ] as const)
    test(`the number of tensors is the same after every ${what}, and none is left after dispose()`, async () => {
      const before = tf.memory().numTensors;
      const training = await createTraining(executor, trainingOptions({ distillation: "hard", lossScaling }));
      const counts: number[] = [];
      for (let step = 1; step <= 4; step++) {
        await training.accumulate(trainingInputs(MICRO, 4));
        await training.apply({ ...STEP, step, clipNorm: 1 });
        await training.evaluate(randomPixels(MICRO, 4, step), 4, "ema");
        await training.read("weights");
        counts.push(tf.memory().numTensors);
      }
      const [, second, ...later] = counts;
      assert.equal(later, [second, second]);
      training.dispose();
      // Constants that later programs of the executor reuse.
      const scalars = tf.memory().numTensors - before;
      assert.ok(scalars < 60, `${scalars} tensors are left`);
      const again = await createTraining(executor, trainingOptions({ distillation: "hard", lossScaling }));
      await again.accumulate(trainingInputs(MICRO, 4));
      again.dispose();
      assert.is(tf.memory().numTensors - before, scalars);
    });

  test("a run that fails halfway leaks no tensor", async () => {
    const graph = new GraphBuilder("halfway");
    const hidden = gelu(graph, graph.input("x", [2, 3]), "hidden");
    graph.output("y", linear(graph, hidden, graph.stored("weights", "w", [4, 3]), undefined, "y"));
    const store = executor.createStore(new Map([["w", 12]]));
    const program = planProgram(graph, { ...executor.capabilities, fuses: new Set() });
    const executable = await executor.compile(program, new Map([["weights", store]]));
    const inputs = { x: new Float32Array(6).fill(0.5) };
    assert.equal([...((await executable.run(inputs)).y as Float32Array)], Array(8).fill(0));
    store.dispose();
    const before = tf.memory().numTensors;
    const message = await executable.run(inputs).then(
      () => "no error",
      (error: Error) => error.message,
    );
    assert.match(message, /tensor w used after dispose/);
    assert.is(tf.memory().numTensors, before);
    executable.dispose();
  });
}
