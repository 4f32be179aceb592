// Flip and rotate: pixels moved without interpolation. A horizontal flip, quarter turns, and the eight EXIF
// orientations.

import { fail, regionStart, reserve } from "./call";
import { Region, Status } from "./contract";
import { noteWork } from "./interruption";
import { picture } from "./jpeg/picture";

class Pixel {
  @inline static copy(from: usize, to: usize): void {
    store<u16>(to, load<u16>(from));
    store<u8>(to, load<u8>(from, 2), 2);
  }
}

/** Mirrors u8 [height, width, 3] at `pixels` left to right, in place. */
export function flipPixels(pixels: usize, width: i32, height: i32): void {
  const stride = <usize>width * 3;
  for (let y = 0; y < height; y++) {
    let left = pixels + <usize>y * stride;
    let right = left + stride - 3;
    while (left < right) {
      const redGreen = load<u16>(left);
      const blue = load<u8>(left, 2);
      Pixel.copy(right, left);
      store<u16>(right, redGreen);
      store<u8>(right, blue, 2);
      left += 3;
      right -= 3;
    }
  }
}

/**
 * u8 [height, width, 3] → `target`, rotated counterclockwise by `quarters` quarter turns; 1 and 3 of squares only.
 * Pillow's rotate moves pixels at these angles too.
 */
export function rotateQuarters(source: usize, width: i32, height: i32, target: usize, quarters: i32): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let fromX = width - 1 - x;
      let fromY = height - 1 - y;
      if (quarters === 1) {
        fromX = width - 1 - y;
        fromY = x;
      } else if (quarters === 3) {
        fromX = y;
        fromY = width - 1 - x;
      }
      Pixel.copy(source + <usize>(fromY * width + fromX) * 3, target);
      target += 3;
    }
  }
}

/** Orientations from here on swap width and height. */
const FIRST_TRANSPOSED: u32 = 5;

/**
 * Makes the picture in Region.Rgb, u8 [height, width, 3], upright, and updates its width and height:
 *
 *   1 upright       2 mirrored left–right       3 rotated by 180°     4 mirrored top–bottom
 *   5 transposed    6 to be rotated clockwise   7 transversed         8 to be rotated counterclockwise
 */
export function orientPicture(): Status {
  const orientation = picture.orientation;
  if (orientation < 2) return Status.Ok;
  const width = <usize>picture.width;
  const height = <usize>picture.height;
  const bytes = width * height * 3;
  const copy = reserve(Region.Spare, bytes);
  if (copy === 0) return fail(Status.OutOfMemory, 0);
  const pixels = regionStart(Region.Rgb);
  memory.copy(copy, pixels, bytes);

  const transposed = orientation >= FIRST_TRANSPOSED;
  const outWidth = transposed ? height : width;
  const outHeight = transposed ? width : height;
  // Source steps, in pixels, of one output column and one output row, and where output (0, 0) comes from.
  let stepX: isize = transposed ? <isize>width : 1;
  let stepY: isize = transposed ? 1 : <isize>width;
  let from: isize = 0;
  const mirrored = orientation === 2 || orientation === 3 || orientation === 6 || orientation === 7;
  const upsideDown = orientation === 3 || orientation === 4 || orientation === 7 || orientation === 8;
  if (mirrored) {
    from += <isize>(outWidth - 1) * stepX;
    stepX = -stepX;
  }
  if (upsideDown) {
    from += <isize>(outHeight - 1) * stepY;
    stepY = -stepY;
  }
  let to = pixels;
  for (let y: usize = 0; y < outHeight; y++, from += stepY) {
    noteWork(outWidth * 3);
    let at = from;
    for (let x: usize = 0; x < outWidth; x++, at += stepX, to += 3) Pixel.copy(copy + <usize>(at * 3), to);
  }
  picture.width = <u32>outWidth;
  picture.height = <u32>outHeight;
  picture.orientation = 1;
  return Status.Ok;
}
