// Bulk draws: normal and uniform numbers by the thousand, for weight initialization and erase noise.
// Block n of a stream gives values 2n and 2n + 1, so any stretch can be made without what lies before it.

import { philox, uniform53 } from "./philox";

/** Values that fit into the buffer which the host copies from. */
const BUFFER_VALUES: i32 = 4096;
const buffer: usize = memory.data(BUFFER_VALUES * 4, 16);

/** The pair of the last `drawNormalPair`. */
let first: f64 = 0;
let second: f64 = 0;

/** Address of the f32 [4096] that `fillNormals` and `fillUniforms` write. */
export function drawBuffer(): usize {
  return buffer;
}

export function drawBufferValues(): i32 {
  return BUFFER_VALUES;
}

/** Box and Muller's transform of the block's two 53-bit uniforms; |z| stays below 8.6. */
export function drawNormalPair(block: u32, index: u32, epoch: u32, tag: u32, k0: u32, k1: u32): void {
  philox(block, index, epoch, tag, k0, k1);
  // 1 − u lies in (0, 1], so that the logarithm is finite.
  const radius = Math.sqrt(-2.0 * NativeMath.log(1.0 - uniform53(false)));
  const angle = 2.0 * NativeMath.PI * uniform53(true);
  first = radius * NativeMath.cos(angle);
  second = radius * NativeMath.sin(angle);
}

export function firstNormal(): f64 {
  return first;
}

export function secondNormal(): f64 {
  return second;
}

/** N(0, 1) as f32 [count ≤ 4096] into the buffer: the values of blocks from `block` on. An odd last one is cut. */
export function fillNormals(
  block: u32,
  index: u32,
  epoch: u32,
  tag: u32,
  k0: u32,
  k1: u32,
  count: i32,
): void {
  for (let i = 0; i < count; i += 2) {
    drawNormalPair(block++, index, epoch, tag, k0, k1);
    store<f32>(buffer + ((<usize>i) << 2), <f32>first);
    if (i + 1 < count) store<f32>(buffer + ((<usize>i) << 2), <f32>second, 4);
  }
}

/** U[0, 1) with 24 bits as f32 [count ≤ 4096] into the buffer, two values a block as above. */
export function fillUniforms(
  block: u32,
  index: u32,
  epoch: u32,
  tag: u32,
  k0: u32,
  k1: u32,
  count: i32,
): void {
  for (let i = 0; i < count; i += 2) {
    philox(block++, index, epoch, tag, k0, k1);
    // Cut to 24 bits before the conversion: rounding 53 bits to f32 could give 1.
    store<f32>(buffer + ((<usize>i) << 2), <f32>(Math.floor(uniform53(false) * 16777216.0) / 16777216.0));
    if (i + 1 < count)
      store<f32>(buffer + ((<usize>i) << 2), <f32>(Math.floor(uniform53(true) * 16777216.0) / 16777216.0), 4);
  }
}
