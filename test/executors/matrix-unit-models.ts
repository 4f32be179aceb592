// Matrix unit models: a kernel's subgroup matrices written out over workgroup memory, since no software driver has any.

import * as assert from "uvu/assert";
import type { MatrixUnits } from "../../runtime/executors/webgpu/tier.js";
import type { Host } from "../../runtime/host/host.js";
import { observedHost } from "./webgpu-device.js";

export interface ModeledUnits extends MatrixUnits {
  /** Invocations of a subgroup. */
  subgroup: number;
}

/**
 * Text for the model. A left or right matrix is the address that it was loaded from: kernels multiply before the next
 * barrier, so memory still holds it. The vectors of four of a result are distributed over `modelSubgroup` invocations.
 */
function definitions(subgroup: number): string {
  return `
const modelSubgroup = ${subgroup}u;
var<private> modelLane: u32;
struct ModelFactor { offset: u32, stride: u32, byColumns: bool }
alias Left = ModelFactor;
alias Right = ModelFactor;
alias Result = array<vec4f, (RESULT_FOURS + modelSubgroup - 1u) / modelSubgroup>;
// Component index, from the start of the array, of a matrix's row and column.
fn modelIndex(matrix: ModelFactor, row: u32, column: u32) -> u32 {
  return 4u * matrix.offset + select(4u * matrix.stride * row + column, 4u * matrix.stride * column + row, matrix.byColumns);
}
fn modelMultiply(left: Left, right: Right, sums: ptr<function, Result>) {
  for (var four = modelLane; four < RESULT_FOURS; four += modelSubgroup) {
    let row = four / (MATRIX_COLUMNS / 4u);
    let column = four % (MATRIX_COLUMNS / 4u) * 4u;
    var sum = (*sums)[four / modelSubgroup];
    // Always MATRIX_DEPTH, but not a constant, so that compilers do not unroll the loop.
    let depths = min(MATRIX_DEPTH, MATRIX_DEPTH + p.depth);
    for (var depth = 0u; depth < depths; depth++) {
      let a = modelIndex(left, row, depth);
      var factors: vec4f;
      for (var i = 0u; i < 4u; i++) {
        let b = modelIndex(right, depth, column + i);
        factors[i] = f32(tileB[b / 4u][b % 4u]);
      }
      sum = fma(vec4f(f32(tileA[a / 4u][a % 4u])), factors, sum);
    }
    (*sums)[four / modelSubgroup] = sum;
  }
}
fn modelStore(offset: u32, sums: ptr<function, Result>, stride: u32) {
  for (var four = modelLane; four < RESULT_FOURS; four += modelSubgroup) {
    let row = four / (MATRIX_COLUMNS / 4u);
    results[offset + row * stride + four % (MATRIX_COLUMNS / 4u)] = (*sums)[four / modelSubgroup];
  }
}
`;
}

/** Each occurs in the kernel at least once. */
const REPLACED: readonly [RegExp, string][] = [
  [/enable chromium_experimental_subgroup_matrix;\n/g, ""],
  [/alias (Left|Right|Result) = subgroup_matrix_\w+<.*>;\n/g, ""],
  [/ *@builtin\(subgroup_id\) subgroup: u32,\n/g, ""],
  [
    /(fn main\([^{]*\{\n)/g,
    "$1  let subgroup = invocation / modelSubgroup;\n  modelLane = invocation % modelSubgroup;\n",
  ],
  [/subgroupMatrixLoad<Left, row_major>\(&tileA, (.*)\);/g, "ModelFactor($1, false);"],
  [/subgroupMatrixLoad<Left, col_major>\(&tileA, (.*)\);/g, "ModelFactor($1, true);"],
  [/subgroupMatrixLoad<Right, row_major>\(&tileB, (.*)\);/g, "ModelFactor($1, false);"],
  [/subgroupMatrixLoad<Right, col_major>\(&tileB, (.*)\);/g, "ModelFactor($1, true);"],
  [/(\S+) = subgroupMatrixMultiplyAccumulate\((.*), \1\);/g, "modelMultiply($2, &$1);"],
  [/subgroupMatrixStore<row_major>\(&results, (.*), (sums\[.*\]), (.*)\);/g, "modelStore($1, &$2, $3);"],
];

/**
 * The kernel as a device with subgroups of `subgroup` invocations would run it; text without matrices is returned
 * unchanged.
 */
function withoutMatrixUnits(subgroup: number, text: string): string {
  if (!text.includes("enable chromium_experimental_subgroup_matrix;")) return text;
  const modeled = REPLACED.reduce((changed, [what, by]) => changed.replace(what, by), text);
  assert.not.match(modeled, /subgroup(_matrix_\w+<|Matrix)/, "an operation on matrices that has no model");
  return modeled + definitions(subgroup);
}

/** A host whose GPUs report matrix units and get kernels with models of them; `changed` counts those kernels. */
export function modeledUnits({ subgroup, ...matrices }: ModeledUnits): {
  host: Host;
  kernels: () => number;
} {
  let kernels = 0;
  const kernel = (_: string, text: string) => {
    const modeled = withoutMatrixUnits(subgroup, text);
    if (modeled !== text) kernels++;
    return modeled;
  };
  return { host: observedHost({ matrices, kernel }).host, kernels: () => kernels };
}
