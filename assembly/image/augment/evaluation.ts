// Evaluation transform: a resize of the short side or of both sides, then a center crop, on bytes. Only the pixels
// inside the crop are computed.

import { fail, regionStart, reserve } from "../call";
import { Filter, Region, Status } from "../contract";
import { orientPicture } from "../flip-rotate";
import { decodeJpeg } from "../jpeg/decode";
import { pictureHeight, pictureWidth } from "../jpeg/picture";
import { resizeFrom, resizePixels, resizeTo, resizeWindow } from "../resize/resize";

/** Half the difference: int(round(…)) with Python's rounding, halves to even (torchvision), or down (transformers). */
function centerOffset(difference: i32, down: bool): i32 {
  const half = difference >> 1;
  return down || (difference & 1) === 0 ? half : half + (half & 1);
}

/**
 * Region.Rgb, u8 [height, width, 3] → Region.Output, u8 [size, size, 3]. The short side becomes `shortSide`, the long
 * one int(shortSide · long / short), or with `squash` `shortSide` too; a picture smaller than the crop is padded with 0.
 * With `down` odd margins are rounded down.
 */
export function evaluatePixels(
  width: i32,
  height: i32,
  shortSide: i32,
  size: i32,
  filter: Filter,
  squash: bool,
  down: bool,
): Status {
  const short = <f64>min(width, height);
  const long = <f64>max(width, height);
  const longSide = (<f64>shortSide * long) / short;
  if (!(longSide < 67108864.0)) return fail(Status.BadArgument, 0, longSide, 67108864.0);
  const fullWidth = squash || width <= height ? shortSide : <i32>longSide;
  const fullHeight = squash || width > height ? shortSide : <i32>longSide;
  const outWidth = min(fullWidth, size);
  const outHeight = min(fullHeight, size);

  const bytes = <usize>(size * size * 3);
  const output = reserve(Region.Output, bytes);
  if (output === 0) return fail(Status.OutOfMemory, 0);
  if (outWidth < size || outHeight < size) memory.fill(output, 0, bytes);
  const padLeft = (size - outWidth) >> 1;
  const padTop = (size - outHeight) >> 1;

  resizeFrom(regionStart(Region.Rgb), <usize>width * 3, width, height);
  resizeTo(fullWidth, fullHeight);
  const left = centerOffset(fullWidth - outWidth, down);
  const top = centerOffset(fullHeight - outHeight, down);
  resizeWindow(left, top, outWidth, outHeight);
  const target = output + <usize>(padTop * size + padLeft) * 3;
  return resizePixels(target, <usize>size * 3, filter, false, false);
}

/** The same from the JPEG file of `length` bytes in Region.Input, made upright first with `orient`. */
export function evaluateJpeg(
  length: usize,
  pixelLimit: f64,
  shortSide: i32,
  size: i32,
  filter: Filter,
  squash: bool,
  down: bool,
  orient: bool,
  partial: bool,
): Status {
  let status = decodeJpeg(length, pixelLimit, partial);
  if (status === Status.Ok && orient) status = orientPicture();
  if (status !== Status.Ok) return status;
  return evaluatePixels(pictureWidth(), pictureHeight(), shortSide, size, filter, squash, down);
}
