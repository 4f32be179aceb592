// WebGPU layer norm gradient: the sums over all rows for weight and bias, whose rows are split among workgroups as on
// hardware GPUs, against sums in double.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { WebgpuExecutable } from "../../runtime/executors/webgpu/executable.js";
import type { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { splitCount } from "../../runtime/executors/webgpu/splits.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { tierTolerances } from "./tier-tolerances.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

/**
 * Rows × width; splits end inside a sample, the last one is shorter, and only one width is a multiple of a group's
 * columns.
 */
const CUT: readonly (readonly [number, number])[] = [
  [1179, 68],
  [777, 7],
  [2600, 1000],
  [512, 192],
];
const WHOLE = [511, 20] as const;

function randomOperands(rows: number, width: number) {
  const random = new Random(rows);
  return {
    dy: random.normals(rows * width),
    x: random.normals(rows * width),
    mean: random.normals(rows, 0.1),
    rstd: random.normals(rows, 0.1, 1),
    weight: random.normals(width, 0.1, 1),
  };
}

/** Gradients of weight and bias, added to previous gradients of ones, and dx; and the number of dispatches of a run. */
async function run(executor: WebgpuExecutor, rows: number, width: number) {
  const graph = new GraphBuilder("a layer norm's gradient");
  const reads = {
    ...{ dy: graph.input("dy", [rows, width]), x: graph.input("x", [rows, width]) },
    ...{ mean: graph.input("mean", [rows]), rstd: graph.input("rstd", [rows]) },
    weight: graph.input("weight", [width]),
  };
  const dx = graph.activation("dx", [rows, width]);
  const [weight, bias] = ["weight", "bias"].map((name) => graph.stored("gradients", name, [width]));
  graph.add("layerNormBackward", {
    reads,
    writes: { dx },
    adds: { dWeight: weight as number, dBias: bias as number },
  });
  graph.output("dx", dx);
  const store = executor.createStore(
    new Map([
      ["weight", width],
      ["bias", width],
    ]),
  );
  for (const name of ["weight", "bias"]) store.write(name, new Float32Array(width).fill(1));
  const program = planProgram(graph, executor.capabilities);
  const executable = await executor.compile(program, new Map([["gradients", store]]));
  const { dispatches } = executable as WebgpuExecutable;
  const outputs = await executable.run(randomOperands(rows, width));
  const gradients = { weight: await store.read("weight"), bias: await store.read("bias") };
  executable.dispose();
  store.dispose();
  return { ...gradients, dx: outputs.dx as Float32Array, dispatches };
}

/** The sums of `run`, computed in double. */
function expected(rows: number, width: number) {
  const { dy, x, mean, rstd } = randomOperands(rows, width);
  const [weight, bias] = [new Float64Array(width).fill(1), new Float64Array(width).fill(1)];
  for (let i = 0; i < rows * width; i++) {
    const [row, column] = [Math.floor(i / width), i % width];
    const gradient = dy[i] as number;
    const standard = ((x[i] as number) - (mean[row] as number)) * (rstd[row] as number);
    weight[column] = (weight[column] as number) + gradient * standard;
    bias[column] = (bias[column] as number) + gradient;
  }
  return { weight, bias };
}

function assertSums(got: Awaited<ReturnType<typeof run>>, rows: number, width: number): void {
  const want = expected(rows, width);
  const allowed = tierTolerances("float32").claims.values * Math.max(...want.weight.map(Math.abs));
  assertClose(got.weight, want.weight, allowed, `weight of ${rows}×${width}`);
  assertClose(got.bias, want.bias, allowed, `bias of ${rows}×${width}`);
}

test("rows are split only on a GPU, into enough workgroups and without small splits", () => {
  assert.is(splitCount("gpu", 24, 12_608), 22);
  assert.is(splitCount("gpu", 24, 1576), 6);
  assert.is(splitCount("gpu", 600, 12_608), 1);
  assert.is(splitCount("gpu", 24, 511), 1);
  assert.is(splitCount("software", 24, 12_608), 1);
  assert.is(splitCount("emulated", 24, 12_608), 1);
});

const gpu = await webgpuOrSkip(observedHost({ hardware: true }).host, "float32");
const software = await webgpuOrSkip(undefined, "float32");
if (gpu && software) {
  for (const [rows, width] of CUT)
    test(`${rows} rows of ${width} in splits are added to the previous gradients, with the same bits in every run`, async () => {
      const first = await run(gpu, rows, width);
      assert.is(first.dispatches, 3);
      assertSums(first, rows, width);
      const second = await run(gpu, rows, width);
      for (const name of ["weight", "bias"] as const) assertSameBits(second[name], first[name], name);
      const whole = await run(software, rows, width);
      assert.is(whole.dispatches, 2);
      assertSums(whole, rows, width);
      assertSameBits(first.dx, whole.dx, "dx");
    });

  test(`${WHOLE[0]} rows are too few to split`, async () => {
    const whole = await run(gpu, ...WHOLE);
    assert.is(whole.dispatches, 2);
    assertSums(whole, ...WHOLE);
  });

  test.after(async () => {
    await gpu.dispose();
    await software.dispose();
  });
}
test.run();
