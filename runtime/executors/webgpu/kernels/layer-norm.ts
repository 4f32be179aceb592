// Layer norm backward, weight and bias: sums over all rows, which are split among workgroups on GPUs.

import { alignUp } from "../../../bytes.js";
import type { OperationOf } from "../../../graph/catalog.js";
import type { Dispatch } from "../dispatch.js";
import type { Operands, Scratch } from "../operands.js";
import { splitCount, splitSlices, sumOfSplits } from "../splits.js";

/** Constants of layer-norm-weight-gradient.wgsl. */
const COLUMNS_PER_GROUP = 16;
const ROWS_AT_ONCE = 16;

/**
 * At a batch of 64, DeiT-Small has 12,608 rows of 384 values: 24 workgroups without splits, whose invocations would
 * read 788 rows sequentially; 22 splits of 576 rows make 528 workgroups, with 36 rows for an invocation.
 */
export function layerNormWeightGradient(
  { reads, adds }: OperationOf<"layerNormBackward">,
  at: Operands,
  scratch: Scratch,
): Dispatch[] {
  const [rows, width] = [at.rows(reads.x), at.axis(reads.x, -1)];
  const groups = Math.ceil(width / COLUMNS_PER_GROUP);
  const rowsPerSplit = alignUp(Math.ceil(rows / splitCount(at.tiles, groups, rows)), ROWS_AT_ONCE);
  const splits = Math.ceil(rows / rowsPerSplit);
  const unsplit: Dispatch = {
    kernel: "layer-norm-weight-gradient",
    operands: {
      dy: at.at(reads.dy),
      x: at.at(reads.x),
      mean: at.at(reads.mean),
      rstd: at.at(reads.rstd),
      dWeight: at.at(adds.dWeight),
      dBias: at.at(adds.dBias),
    },
    numbers: [rows, width, rowsPerSplit],
    grid: [groups, splits, 1],
  };
  if (splits === 1) return [unsplit];
  const { dWeight, dBias } = unsplit.operands;
  const slices = splitSlices(scratch, splits, { count: width, further: width });
  const operands = { ...unsplit.operands, dWeight: slices.first, dBias: slices.second };
  return [
    { ...unsplit, constants: { SPLIT: 1 }, operands },
    sumOfSplits(slices, splits, { y: dWeight, z: dBias }),
  ];
}
