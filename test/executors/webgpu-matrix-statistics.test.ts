// WebGPU matrix statistics: the mean and deviation of rows before a product are correct, and have the same bits in
// every tile.

import { test } from "uvu";
import type { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { elementCount } from "../../runtime/graph/tensor.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { SQUARE } from "./matrix-product-claims.js";
import { type ModeledUnits, modeledUnits } from "./matrix-unit-models.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

const EPSILON = 1e-6;
/** Enough tiles of 64×64 for the large one, with only six rows in the last tile of 32 or 64. */
const [MANY, FEW] = [1028, 70];
const WIDE = 516;
/** Eight invocations sum a row in vectors of four: none for some of them, unequal numbers, and equal ones. */
const FOURS = [4, 20, 44, 64, 500];
const UNEVEN = [1, 3, 33, 131, 501];

type Results = Readonly<Record<string, Float32Array>>;

/** Values of `rows` rows, the first of them the same whatever the number of rows; their means are far from 0. */
function rowsOf(depth: number, rows: number): Float32Array {
  const random = new Random(depth);
  return Float32Array.from({ length: rows * depth }, (_, i) => {
    return 10 * (Math.floor(i / depth) % 7) + random.normal();
  });
}

/** mean and rstd [rows] and the product y [rows, WIDE] of each depth. */
async function run(executor: WebgpuExecutor, rows: number, depths: readonly number[]): Promise<Results> {
  const graph = new GraphBuilder("normed products");
  for (const depth of depths) {
    const reads = {
      x: graph.input(`x ${depth}`, [rows, depth]),
      weight: graph.input(`weight ${depth}`, [WIDE, depth]),
      normWeight: graph.input(`norm weight ${depth}`, [depth]),
      normBias: graph.input(`norm bias ${depth}`, [depth]),
    };
    const y = graph.activation(`y ${depth}`, [rows, WIDE]);
    const mean = graph.activation(`mean ${depth}`, [rows]);
    const rstd = graph.activation(`rstd ${depth}`, [rows]);
    graph.add("linear", { reads, writes: { y, mean, rstd }, attributes: { gelu: false, epsilon: EPSILON } });
    for (const [name, id] of Object.entries({ y, mean, rstd })) graph.output(`${name} ${depth}`, id);
  }
  const random = new Random(3);
  const inputs = [...graph.inputs].map(([name, id]) => {
    const [, depth] = /^x (\d+)$/.exec(name) ?? [];
    const values = depth ? rowsOf(Number(depth), rows) : random.normals(elementCount(graph.shapeOf(id)));
    return [name, values] as const;
  });
  const executable = await executor.compile(planProgram(graph, executor.capabilities), new Map());
  const results = await executable.run(Object.fromEntries(inputs));
  executable.dispose();
  return results as Results;
}

/** Statistics in double, to some roundings of the largest value. */
function assertStatistics(results: Results, rows: number, depths: readonly number[]): void {
  for (const depth of depths) {
    const x = rowsOf(depth, rows);
    const [means, deviations] = [new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const values = x.subarray(row * depth, (row + 1) * depth);
      const mean = values.reduce((sum, value) => sum + value, 0) / depth;
      means[row] = mean;
      deviations[row] = 1 / Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / depth + EPSILON);
    }
    assertClose(results[`mean ${depth}`] ?? [], means, 2e-5, `mean of ${depth}`);
    const allowed = deviations.map((deviation) => 2e-5 * deviation);
    assertClose(results[`rstd ${depth}`] ?? [], deviations, allowed, `rstd of ${depth}`);
  }
}

function assertSameRows(got: Results, want: Results, names: readonly string[]): void {
  for (const name of names)
    for (const depth of FOURS) {
      const [left, right] = [got, want].map((results) => results[`${name} ${depth}`] as Float32Array);
      const count = Math.min(left?.length ?? 0, right?.length ?? 0);
      const [a, b] = [left?.subarray(0, count), right?.subarray(0, count)];
      assertSameBits(a as Float32Array, b as Float32Array, `${name} of ${depth}`);
    }
}

const gpu = await webgpuOrSkip(observedHost({ hardware: true }).host, "float32");
if (gpu) {
  const large = await run(gpu, MANY, FOURS);

  test("the large tile computes a row's statistics for every depth", () => {
    assertStatistics(large, MANY, FOURS);
  });

  test("the small tile computes them where the depth is not a multiple of 4", async () => {
    assertStatistics(await run(gpu, FEW, UNEVEN), FEW, UNEVEN);
  });

  test("the small tile gives the same bits, for the product too", async () => {
    assertSameRows(await run(gpu, FEW, FOURS), large, ["mean", "rstd", "y"]);
  });

  test("the tile of software drivers gives the same bits", async () => {
    const software = (await webgpuOrSkip(undefined, "float32")) as WebgpuExecutor;
    assertSameRows(await run(software, FEW, FOURS), large, ["mean", "rstd", "y"]);
    await software.dispose();
  });

  const units: Readonly<Record<string, ModeledUnits>> = {
    "subgroups of 32": SQUARE,
    "subgroups of 4": { rows: 8, columns: 8, depth: 8, largestSubgroup: 4, subgroup: 4 },
  };
  for (const [what, each] of Object.entries(units))
    test(`matrix units with ${what} give the same bits of the statistics`, async () => {
      const matrices = await webgpuOrSkip(modeledUnits(each).host, "matrices");
      if (!matrices) return;
      assertSameRows(await run(matrices, FEW, FOURS), large, ["mean", "rstd"]);
      await matrices.dispose();
    });

  test.after(() => gpu.dispose());
  test.run();
}
