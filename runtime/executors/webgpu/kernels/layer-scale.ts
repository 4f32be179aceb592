// LayerScale, the gradient of the factors: a sum over all rows, which are split among workgroups on GPUs.

import { alignUp } from "../../../bytes.js";
import type { OperationOf } from "../../../graph/catalog.js";
import { alignBinding } from "../device.js";
import type { Dispatch } from "../dispatch.js";
import type { Operands, Scratch } from "../operands.js";
import { splitCount, sumOfSplits } from "../splits.js";

/** Constants of layer-scale-gradient.wgsl. */
const COLUMNS_PER_GROUP = 16;
const ROWS_AT_ONCE = 16;

/** Split as the weight gradient of layer norm, which has the same rows (layer-norm.ts). */
export function layerScaleGradient(
  { reads, adds }: OperationOf<"layerScaleGradient">,
  at: Operands,
  scratch: Scratch,
): Dispatch[] {
  const [rows, width] = [at.rows(reads.x), at.axis(reads.x, -1)];
  const groups = Math.ceil(width / COLUMNS_PER_GROUP);
  const rowsPerSplit = alignUp(Math.ceil(rows / splitCount(at.tiles, groups, rows)), ROWS_AT_ONCE);
  const splits = Math.ceil(rows / rowsPerSplit);
  const dFactors = at.at(adds.dFactors);
  const unsplit: Dispatch = {
    kernel: "layer-scale-gradient",
    operands: { dy: at.at(reads.dy), x: at.at(reads.x), dFactors },
    numbers: [rows, width, rowsPerSplit],
    grid: [groups, splits, 1],
  };
  if (splits === 1) return [unsplit];
  const bytes = 4 * splits * width;
  const { buffer } = scratch(alignBinding(bytes));
  const first = { buffer, offset: 0, bytes };
  const operands = { ...unsplit.operands, dFactors: first };
  return [
    { ...unsplit, constants: { SPLIT: 1 }, operands },
    sumOfSplits({ first, second: first }, splits, { y: dFactors, z: undefined }),
  ];
}
