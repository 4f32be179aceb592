// Padded: a copy of a picture whose edges repeat three pixels out, so that a filter of four taps needs to test nothing.

import { reserve } from "../memory";
import { Region } from "../regions";

/** Pixels on each side: two that the taps reach, one for a position that was rounded over an edge. */
const PAD: usize = 3;

export function paddedStride(width: i32): usize {
  return (<usize>width + 2 * PAD) * 3;
}

function copyPixel(from: usize, to: usize): void {
  store<u16>(to, load<u16>(from));
  store<u8>(to, load<u8>(from, 2), 2);
}

/** u8 [height, width, 3] → Region.Spare; address of its pixel (0, 0), 0 where memory forbids it. */
export function padPicture(pixels: usize, width: i32, height: i32): usize {
  const stride = paddedStride(width);
  const bytes = <usize>width * 3;
  const spare = reserve(Region.Spare, stride * (<usize>height + 2 * PAD));
  if (spare === 0) return 0;
  const origin = spare + PAD * stride + PAD * 3;
  let row = origin;
  for (let y = 0; y < height; y++) {
    memory.copy(row, pixels, bytes);
    for (let out: usize = 3; out <= PAD * 3; out += 3) {
      copyPixel(row, row - out);
      copyPixel(row + bytes - 3, row + bytes - 3 + out);
    }
    pixels += bytes;
    row += stride;
  }
  const first = spare + PAD * stride;
  const last = first + <usize>(height - 1) * stride;
  for (let out: usize = 1; out <= PAD; out++) {
    memory.copy(first - out * stride, first, stride);
    memory.copy(last + out * stride, last, stride);
  }
  return origin;
}
