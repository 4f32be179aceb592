// Evaluation transform: a resize of the short side, of both sides or of the long one, then a center crop, on bytes. Only
// the pixels inside the crop are computed.

import { fail, regionStart, reserve } from "../call";
import { CropMode, Filter, Region, Status } from "../contract";
import { orientPicture } from "../flip-rotate";
import { decodeJpeg } from "../jpeg/decode";
import { pictureHeight, pictureWidth } from "../jpeg/picture";
import { resizeFrom, resizePixels, resizeTo, resizeWindow } from "../resize/resize";

/** Half the difference: int(round(…)) with Python's rounding, halves to even (torchvision), or down (transformers). */
function centerOffset(difference: i32, down: bool): i32 {
  const half = difference >> 1;
  return down || (difference & 1) === 0 ? half : half + (half & 1);
}

/** Sizes of the whole resized picture. */
let fullWidth: i32 = 0;
let fullHeight: i32 = 0;

/** torchvision's Resize: the short side becomes `side`, the long one int(side · long / short). */
function fitShortSide(width: i32, height: i32, side: i32): Status {
  const longSide = (<f64>side * <f64>max(width, height)) / <f64>min(width, height);
  if (!(longSide < 67108864.0)) return fail(Status.BadArgument, 0, longSide, 67108864.0);
  fullWidth = width <= height ? side : <i32>longSide;
  fullHeight = width > height ? side : <i32>longSide;
  return Status.Ok;
}

/** timm's ResizeKeepRatio with longest=1: sides round(length / ratio), halves to even; here at least 1. */
function fitLongSide(width: i32, height: i32, side: i32): void {
  const ratio = max(<f64>height / <f64>side, <f64>width / <f64>side);
  fullWidth = max(1, <i32>nearest(<f64>width / ratio));
  fullHeight = max(1, <i32>nearest(<f64>height / ratio));
}

/** Fills u8 [pixels, 3] with a color, 0xBBGGRR. */
function fillColor(target: usize, pixels: i32, color: u32): void {
  const end = target + <usize>pixels * 3;
  for (; target < end; target += 3) {
    store<u16>(target, <u16>color);
    store<u8>(target, <u8>(color >> 16), 2);
  }
}

/**
 * Region.Rgb, u8 [height, width, 3] → Region.Output, u8 [size, size, 3]. What `mode` names is resized to `side`; a
 * resized picture smaller than the crop is padded with `color`, 0xBBGGRR. With `down` odd margins of the crop are rounded
 * down.
 */
export function evaluatePixels(
  width: i32,
  height: i32,
  side: i32,
  size: i32,
  filter: Filter,
  mode: CropMode,
  down: bool,
  color: u32,
): Status {
  if (mode === CropMode.Border) fitLongSide(width, height, side);
  else if (mode === CropMode.Squash) fullWidth = fullHeight = side;
  else {
    const status = fitShortSide(width, height, side);
    if (status !== Status.Ok) return status;
  }
  const outWidth = min(fullWidth, size);
  const outHeight = min(fullHeight, size);

  const bytes = <usize>(size * size * 3);
  const output = reserve(Region.Output, bytes);
  if (output === 0) return fail(Status.OutOfMemory, 0);
  if (outWidth < size || outHeight < size) fillColor(output, size * size, color);
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
  side: i32,
  size: i32,
  filter: Filter,
  mode: CropMode,
  down: bool,
  color: u32,
  orient: bool,
  partial: bool,
): Status {
  let status = decodeJpeg(length, pixelLimit, partial);
  if (status === Status.Ok && orient) status = orientPicture();
  if (status !== Status.Ok) return status;
  return evaluatePixels(pictureWidth(), pictureHeight(), side, size, filter, mode, down, color);
}
