// The public resize: Region.Rgb → Region.Output, whole pictures and Pillow's box.

import { regionStart, reserve } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { Filter } from "./filter";
import { resizeBox, resizeFrom, resizePixels, resizeTo } from "./resize";

/**
 * u8 [height, width, 3] → u8 [outHeight, outWidth, 3]; the box (left, top, right, bottom) is the part of the input that
 * fills the result. `scalar` runs the twin of the vector passes.
 */
export function resizePicture(
  width: i32,
  height: i32,
  left: f32,
  top: f32,
  right: f32,
  bottom: f32,
  outWidth: i32,
  outHeight: i32,
  filter: Filter,
  scalar: bool,
): Status {
  const stride = <usize>outWidth * 3;
  const output = reserve(Region.Output, stride * <usize>outHeight);
  if (output === 0) return fail(Status.OutOfMemory, 0);
  resizeFrom(regionStart(Region.Rgb), <usize>width * 3, width, height);
  resizeTo(outWidth, outHeight);
  if (left !== 0 || top !== 0 || right !== <f32>width || bottom !== <f32>height)
    resizeBox(left, top, right, bottom);
  return resizePixels(output, stride, filter, false, scalar);
}
