// Tokens: class and distillation token before the patches, positions added; and selecting a token of the sequence.
//
// y [B,T,D]: row 0 is the class token, row 1 the distillation token (if any), then the N patches. Memory-bound.
// Gradients of parameters are summed over the batch in ascending order and added; those of activations overwritten.

import { residual as add, copy, fill } from "./elementwise";

export function assembleTokens(
  patches: usize,
  classToken: usize,
  distillationToken: usize,
  position: usize,
  y: usize,
  batch: usize,
  count: usize,
  width: usize,
): void {
  const stride = width << 2;
  const special: usize = distillationToken ? 2 : 1;
  for (let b: usize = 0; b < batch; b++) {
    add(classToken, position, 0, y, 1, width);
    if (distillationToken) add(distillationToken, position + stride, 0, y + stride, 1, width);
    add(patches, position + special * stride, 0, y + special * stride, 1, count * width);
    patches += count * stride;
    y += (count + special) * stride;
  }
}

export function assembleTokensBackward(
  dy: usize,
  dPatches: usize,
  dClassToken: usize,
  dDistillationToken: usize,
  dPosition: usize,
  batch: usize,
  count: usize,
  width: usize,
): void {
  const stride = width << 2;
  const special: usize = dDistillationToken ? 2 : 1;
  const tokens = count + special;
  for (let b: usize = 0; b < batch; b++) {
    add(dClassToken, dy, 0, dClassToken, 1, width);
    if (dDistillationToken) add(dDistillationToken, dy + stride, 0, dDistillationToken, 1, width);
    add(dPosition, dy, 0, dPosition, 1, tokens * width);
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
  token: usize,
): void {
  for (let b: usize = 0; b < batch; b++) {
    copy(x + (((b * tokens + token) * width) << 2), y + ((b * width) << 2), width);
  }
}

export function selectTokenBackward(
  dy: usize,
  dx: usize,
  batch: usize,
  tokens: usize,
  width: usize,
  token: usize,
): void {
  fill(dx, batch * tokens * width, 0);
  for (let b: usize = 0; b < batch; b++) {
    copy(dy + ((b * width) << 2), dx + (((b * tokens + token) * width) << 2), width);
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
