// Random crops: rectangles of a picture, and the comparison of a crop with the same rectangle of the whole.

import type { Box } from "../../runtime/draw/draw.js";
import type { DecodedImage } from "../../runtime/image/decode.js";

/** A box inside [height, width] of any size from one pixel up; `next` gives numbers in [0, 2³²). */
export function randomBox(next: () => number, width: number, height: number): Box {
  const left = next() % width;
  const top = next() % height;
  return { left, top, width: 1 + (next() % (width - left)), height: 1 + (next() % (height - top)) };
}

/** First row of `crop`, RGB bytes of `box`, that differs from the picture's; null if none does. */
export function differingRow(image: DecodedImage, box: Box, crop: Uint8Array): number | null {
  if (crop.length !== box.width * box.height * 3) return 0;
  const length = box.width * 3;
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * image.width + box.left) * 3;
    const row = image.data.subarray(from, from + length);
    if (Buffer.compare(crop.subarray(y * length, (y + 1) * length), row) !== 0) return y;
  }
  return null;
}
