// Matrix product claims: the kernel for matrix units, its units modeled, agrees with the plain kernel on the same
// float16 factors. The rounding of a GPU's own units is not tested: no software driver has any.

import * as assert from "uvu/assert";
import type { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { elementCount } from "../../runtime/graph/tensor.js";
import { assertClose } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import type { LinearProducts, ProductSizes } from "./linear-products.js";
import { type ModeledUnits, modeledUnits } from "./matrix-unit-models.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

export const SQUARE: ModeledUnits = {
  ...{ rows: 16, columns: 16, depth: 16, largestSubgroup: 32, subgroup: 32 },
};

/** No size is a multiple of a tile or of a matrix, and depths end in the middle of one. */
export const UNEVEN: ProductSizes = { batch: 3, tokens: 23, inputs: 44, outputs: 76 };

/** Fraction of a result's largest value: both sum float32 products, in different orders. */
const TOLERANCE = 2e-6;

/** With the tiles of a GPU: compiling the plain kernel with the tiles for CPUs takes a driver half a minute longer. */
export function plainOrSkip(): Promise<WebgpuExecutor | undefined> {
  return webgpuOrSkip(observedHost({ hardware: true }).host, "float16");
}

/**
 * Asserts that the programs agree on `plain` and on modeled units, where they use `kernels` kernels for matrix units.
 */
export async function assertSameProducts(
  plain: WebgpuExecutor,
  units: ModeledUnits,
  programs: readonly LinearProducts[],
  kernels: number,
): Promise<void> {
  const modeled = modeledUnits(units);
  const executor = await webgpuOrSkip(modeled.host, "matrices");
  assert.ok(executor, "a driver with float16 has subgroups");
  for (const products of programs)
    assertAgrees(await compute(executor, products), await compute(plain, products));
  assert.is(modeled.kernels(), kernels);
  await executor.dispose();
}

type Results = Readonly<Record<string, ArrayLike<number>>>;

async function compute(executor: WebgpuExecutor, { graph, stored }: LinearProducts): Promise<Results> {
  const random = new Random(5);
  const program = planProgram(graph, executor.capabilities);
  const gradients = executor.createStore(stored);
  for (const [name, count] of stored) gradients.write(name, random.normals(count));
  const executable = await executor.compile(program, new Map([["gradients", gradients]]));
  const inputs = [...graph.inputs].map(([name, id]) => {
    return [name, random.normals(elementCount(graph.shapeOf(id)))] as const;
  });
  const results: Record<string, ArrayLike<number>> = await executable.run(Object.fromEntries(inputs));
  for (const name of stored.keys()) results[name] = await gradients.read(name);
  executable.dispose();
  gradients.dispose();
  return results;
}

function assertAgrees(got: Results, want: Results): void {
  assert.equal(Object.keys(got), Object.keys(want));
  for (const [name, values] of Object.entries(want)) {
    const largest = Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.ok(largest > 0.01, `${name} is all zeros`);
    assertClose(got[name] ?? [], values, TOLERANCE * largest, name);
  }
}
