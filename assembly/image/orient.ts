// Orient: a picture turned and mirrored as its EXIF orientation says, so that it stands upright.
//
//   1 upright       2 mirrored left–right     3 turned 180°      4 mirrored top–bottom
//   5 transposed    6 to be turned right      7 transversed      8 to be turned left

import { picture } from "./jpeg/picture";
import { regionStart, reserve } from "./memory";
import { fail } from "./outcome";
import { Region } from "./regions";
import { Status } from "./status";

/** Orientations from here on swap width and height. */
const FIRST_TRANSPOSED: u32 = 5;

/** Turns the whole picture in Region.Rgb, u8 [height, width, 3], and its width and height with it. */
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
  const upended = orientation === 3 || orientation === 4 || orientation === 7 || orientation === 8;
  if (mirrored) {
    from += <isize>(outWidth - 1) * stepX;
    stepX = -stepX;
  }
  if (upended) {
    from += <isize>(outHeight - 1) * stepY;
    stepY = -stepY;
  }
  let to = pixels;
  for (let y: usize = 0; y < outHeight; y++, from += stepY) {
    let at = from;
    for (let x: usize = 0; x < outWidth; x++, at += stepX, to += 3) {
      const source = copy + <usize>(at * 3);
      store<u16>(to, load<u16>(source));
      store<u8>(to, load<u8>(source, 2), 2);
    }
  }
  picture.width = <u32>outWidth;
  picture.height = <u32>outHeight;
  picture.orientation = 1;
  return Status.Ok;
}
