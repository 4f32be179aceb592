// Channels: the operations of squeeze-and-excitation and of the head on whole feature maps. x [B,N,C], N pixels,
// channels last.
//
//   pool             y [B,C] = Σ_n x / N                       dx = dy/N, the same for every pixel
//   scale            y [B,N,C] = x·scale[b,c]                  dx = dy·scale,  dScale [B,C] = Σ_n dy·x
//
// Memory-bound. Sums over pixels take chunks of 64 rows, as column-sums.ts.

import { addColumnSums } from "./column-sums";
import { fill } from "./elementwise";

const CHUNK: usize = 64;

export function globalAveragePool(x: usize, y: usize, batch: usize, pixels: usize, channels: usize): void {
  fill(y, batch * channels, 0);
  const stride = channels << 2;
  const count = <f32>pixels;
  for (let b: usize = 0; b < batch; b++) {
    addColumnSums(x, y, pixels, channels);
    for (let i: usize = 0; i < stride; i += 4) store<f32>(y + i, load<f32>(y + i) / count);
    x += pixels * stride;
    y += stride;
  }
}

export function globalAveragePoolBackward(
  dy: usize,
  dx: usize,
  batch: usize,
  pixels: usize,
  channels: usize,
): void {
  const stride = channels << 2;
  const count = <f32>pixels;
  for (let b: usize = 0; b < batch; b++) {
    for (let i: usize = 0; i < stride; i += 4) store<f32>(dx + i, load<f32>(dy + i) / count);
    for (let n: usize = 1; n < pixels; n++) memory.copy(dx + n * stride, dx, stride);
    dy += stride;
    dx += pixels * stride;
  }
}

/** y may be x. */
export function scaleChannels(
  x: usize,
  scale: usize,
  y: usize,
  batch: usize,
  pixels: usize,
  channels: usize,
): void {
  const stride = channels << 2;
  const whole = (channels & ~3) << 2;
  for (let b: usize = 0; b < batch; b++) {
    for (let n: usize = 0; n < pixels; n++) {
      let i: usize = 0;
      for (; i < whole; i += 16) v128.store(y + i, f32x4.mul(v128.load(x + i), v128.load(scale + i)));
      for (; i < stride; i += 4) store<f32>(y + i, load<f32>(x + i) * load<f32>(scale + i));
      x += stride;
      y += stride;
    }
    scale += stride;
  }
}

export function scaleChannelsGradient(
  dy: usize,
  x: usize,
  dScale: usize,
  batch: usize,
  pixels: usize,
  channels: usize,
): void {
  const stride = channels << 2;
  for (let b: usize = 0; b < batch; b++) {
    fill(dScale, channels, 0);
    for (let start: usize = 0; start < pixels; start += CHUNK) {
      addProducts(dy + start * stride, x + start * stride, dScale, min(CHUNK, pixels - start), channels);
    }
    dy += pixels * stride;
    x += pixels * stride;
    dScale += stride;
  }
}

/** sums [C] += Σ a·b over rows [rows,C] of both. */
function addProducts(a: usize, b: usize, sums: usize, rows: usize, channels: usize): void {
  const stride = channels << 2;
  const whole = (channels & ~3) << 2;
  const end = rows * stride;
  let i: usize = 0;
  for (; i < whole; i += 16) {
    let sum = f32x4.splat(0);
    for (let at = i; at < end; at += stride) {
      sum = f32x4.add(sum, f32x4.mul(v128.load(a + at), v128.load(b + at)));
    }
    v128.store(sums + i, f32x4.add(v128.load(sums + i), sum));
  }
  for (; i < stride; i += 4) {
    let sum: f32 = 0;
    for (let at = i; at < end; at += stride) sum += load<f32>(a + at) * load<f32>(b + at);
    store<f32>(sums + i, load<f32>(sums + i) + sum);
  }
}
