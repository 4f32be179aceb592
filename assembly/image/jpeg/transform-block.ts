// Transform of a block: the inverse transform of the size that its component is decoded at.

import { inverseTransform } from "./idct";
import { fillScaled, transformTo2x2, transformTo4x4 } from "./idct-scaled";
import { Component } from "./picture";

/** block, multipliers i16 [8, 8] → u8 [c.side, c.side] at `target`; `last` as `inverseTransform` has it. */
export function transformBlock(
  c: Component,
  block: usize,
  multipliers: usize,
  target: usize,
  last: u32,
): void {
  const side = c.side;
  if (side === 8) inverseTransform(block, multipliers, target, c.stride, last);
  else if (side === 1 || last === 0)
    fillScaled(load<i16>(block) * load<i16>(multipliers), target, c.stride, side);
  else if (side === 4) transformTo4x4(block, multipliers, target, c.stride);
  else transformTo2x2(block, multipliers, target, c.stride);
}
