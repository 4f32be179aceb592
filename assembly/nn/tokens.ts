// Tokens: class, distillation and register tokens before the patches, positions added; and selecting tokens of the
// sequence.
//
// y [B,T,D]: the class token, the distillation token and the registers (each if any), then the N patches. The position
// embedding has a row for each of the last `positions` tokens: all T, or the N patches. Memory-bound.
// Gradients of parameters are summed over the batch in ascending order and added; those of activations overwritten.

import { residual as add, copy, fill } from "./elementwise";

export function assembleTokens(
  patches: usize,
  classToken: usize,
  distillationToken: usize,
  registers: usize,
  position: usize,
  y: usize,
  batch: usize,
  count: usize,
  tokens: usize,
  positions: usize,
  width: usize,
): void {
  const stride = width << 2;
  const special = tokens - count;
  const classRows: usize = classToken ? 1 : 0;
  const singles = classRows + (distillationToken ? 1 : 0);
  // 0, or all of them where the position embedding covers the patches alone.
  const uncovered = tokens - positions;
  for (let b: usize = 0; b < batch; b++) {
    if (classToken) copy(classToken, y, width);
    if (distillationToken) copy(distillationToken, y + classRows * stride, width);
    if (registers) copy(registers, y + singles * stride, (special - singles) * width);
    add(y, position, 0, y, 1, (special - uncovered) * width);
    add(patches, position + (special - uncovered) * stride, 0, y + special * stride, 1, count * width);
    patches += count * stride;
    y += tokens * stride;
  }
}

export function assembleTokensBackward(
  dy: usize,
  dPatches: usize,
  dClassToken: usize,
  dDistillationToken: usize,
  dRegisters: usize,
  dPosition: usize,
  batch: usize,
  count: usize,
  tokens: usize,
  positions: usize,
  width: usize,
): void {
  const stride = width << 2;
  const special = tokens - count;
  const classRows: usize = dClassToken ? 1 : 0;
  const singles = classRows + (dDistillationToken ? 1 : 0);
  for (let b: usize = 0; b < batch; b++) {
    if (dClassToken) add(dClassToken, dy, 0, dClassToken, 1, width);
    if (dDistillationToken) add(dDistillationToken, dy + classRows * stride, 0, dDistillationToken, 1, width);
    if (dRegisters) add(dRegisters, dy + singles * stride, 0, dRegisters, 1, (special - singles) * width);
    add(dPosition, dy + (tokens - positions) * stride, 0, dPosition, 1, positions * width);
    copy(dy + special * stride, dPatches, count * width);
    dy += tokens * stride;
    dPatches += count * stride;
  }
}

export function selectToken(
  x: usize,
  y: usize,
  batch: usize,
  tokens: usize,
  width: usize,
  count: usize,
  token: usize,
): void {
  const values = count * width;
  for (let b: usize = 0; b < batch; b++) {
    copy(x + (((b * tokens + token) * width) << 2), y + ((b * values) << 2), values);
  }
}

export function selectTokenBackward(
  dy: usize,
  dx: usize,
  batch: usize,
  tokens: usize,
  width: usize,
  count: usize,
  token: usize,
): void {
  const values = count * width;
  fill(dx, batch * tokens * width, 0);
  for (let b: usize = 0; b < batch; b++) {
    copy(dy + ((b * values) << 2), dx + (((b * tokens + token) * width) << 2), values);
  }
}

export function selectTwoTokensBackward(
  dyFirst: usize,
  dySecond: usize,
  dx: usize,
  batch: usize,
  tokens: usize,
  width: usize,
): void {
  fill(dx, batch * tokens * width, 0);
  for (let b: usize = 0; b < batch; b++) {
    const to = dx + ((b * tokens * width) << 2);
    copy(dyFirst + ((b * width) << 2), to, width);
    copy(dySecond + ((b * width) << 2), to + (width << 2), width);
  }
}
