// Patchify: cuts an image into patches, so that the patch convolution (kernel = stride) becomes a linear layer.
//
// patches [B, (S/P)², 3·P·P], values in the order (channel, y, x) of PyTorch's convolution weight, patches row by row.
// Bytes are normalized on the way by a table of 256 values per channel: (v/255 − mean)/std, exactly rounded by the
// caller. Memory-bound: 150,528 values per image of 224.

import { count, cut, first } from "./partition";

/** pixels u8 [B,S,S,3], table f32 [3,256] */
export function patchifyBytes(
  pixels: usize,
  table: usize,
  patches: usize,
  batch: usize,
  side: usize,
  patchSize: usize,
): void {
  const grid = side / patchSize;
  const plane = (patchSize * patchSize) << 2;
  cut(batch * grid, 1);
  const end = first + count;
  let to = patches + first * grid * 3 * plane;
  // The rows of patches of all images; a batch is one tall image.
  for (let row = first; row < end; row++) {
    for (let column: usize = 0; column < grid; column++) {
      const corner = pixels + (row * patchSize * side + column * patchSize) * 3;
      for (let channel: usize = 0; channel < 3; channel++) {
        patchPlane(corner + channel, side * 3, table + (channel << 10), to, patchSize);
        to += plane;
      }
    }
  }
}

/** One channel of one patch. */
function patchPlane(from: usize, stride: usize, table: usize, to: usize, patch: usize): void {
  for (let y: usize = 0; y < patch; y++) {
    let pixel = from;
    for (let x: usize = 0; x < patch; x++) {
      store<f32>(to, load<f32>(table + ((<usize>load<u8>(pixel)) << 2)));
      pixel += 3;
      to += 4;
    }
    from += stride;
  }
}

/** image f32 [B,3,S,S], already normalized */
export function patchifyImage(
  image: usize,
  patches: usize,
  batch: usize,
  side: usize,
  patchSize: usize,
): void {
  const grid = side / patchSize;
  const line = patchSize << 2;
  cut(batch * grid, 1);
  const end = first + count;
  let to = patches + first * grid * 3 * patchSize * line;
  for (let i = first; i < end; i++) {
    const b = i / grid;
    const row = i % grid;
    for (let column: usize = 0; column < grid; column++) {
      for (let channel: usize = 0; channel < 3; channel++) {
        let from = image + ((((b * 3 + channel) * side + row * patchSize) * side + column * patchSize) << 2);
        for (let y: usize = 0; y < patchSize; y++) {
          memory.copy(to, from, line);
          to += line;
          from += side << 2;
        }
      }
    }
  }
}
