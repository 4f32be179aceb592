// Layer norm dispatches: the gradients of weight and bias, sums over all rows, in shares of the rows on GPUs.

import { alignUp } from "../../../bytes.js";
import type { OperationOf } from "../../../graph/catalog.js";
import type { Slice } from "../device.js";
import type { Dispatch } from "../dispatch.js";
import type { Operands } from "../operands.js";
import { shareCount } from "../product-tile.js";
import { shareSlices, sumOfShares } from "../splits.js";

/** Of layer-norm-weight-gradient.wgsl. */
const COLUMNS_PER_GROUP = 16;
const ROWS_AT_ONCE = 16;

/**
 * At a batch of 64 DeiT-Small has 12,608 rows of 384: 24 workgroups whole, whose invocations would read 788 rows one after
 * another; 22 shares of 576 rows are 528 workgroups, and 36 rows for an invocation.
 */
export function layerNormWeightGradient(
  { reads, adds }: OperationOf<"layerNormBackward">,
  at: Operands,
  scratch: (bytes: number) => Slice,
): Dispatch[] {
  const [rows, width] = [at.rows(reads.x), at.axis(reads.x, -1)];
  const groups = Math.ceil(width / COLUMNS_PER_GROUP);
  const share = alignUp(Math.ceil(rows / shareCount(at.tiles, groups, rows)), ROWS_AT_ONCE);
  const shares = Math.ceil(rows / share);
  const whole: Dispatch = {
    kernel: "layer-norm-weight-gradient",
    operands: {
      ...{ dy: at.at(reads.dy), x: at.at(reads.x), mean: at.at(reads.mean), rstd: at.at(reads.rstd) },
      ...{ dWeight: at.at(adds.dWeight), dBias: at.at(adds.dBias) },
    },
    numbers: [rows, width, share],
    grid: [groups, shares, 1],
  };
  if (shares === 1) return [whole];
  const { dWeight, dBias } = whole.operands;
  const slices = shareSlices(scratch, shares, { count: width, further: width });
  const operands = { ...whole.operands, dWeight: slices.first, dBias: slices.second };
  return [
    { ...whole, constants: { SPLIT: 1 }, operands },
    sumOfShares(slices, shares, { y: dWeight, z: dBias }),
  ];
}
