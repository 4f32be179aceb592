// Training transform: crop, resize, flip, augmentation operations and erasing, as given by a sample's draw in
// Region.Parameters. One call per image.

import { fail, regionStart, reserve } from "../call";
import { ERASE_FIELDS, EraseKind, Filter, Region, SampleField, Status } from "../contract";
import { flipPixels } from "../flip-rotate";
import { decodeJpegWindow } from "../jpeg/decode";
import { resizeFrom, resizePixels, resizeTo, resizeWindow } from "../resize/resize";
import { eraseKey, eraseRectangle } from "./erase";
import { applyOperations } from "./operations";
import { reflectMargins } from "./reflect";

function field(at: i32): f64 {
  return load<f64>(regionStart(Region.Parameters) + ((<usize>at) << 3));
}

/** Region.Rgb, u8 [height, width, 3], and the draw → Region.Output, u8 [size, size, 3]. */
export function augmentPixels(width: i32, height: i32): Status {
  const top = <i32>field(SampleField.CropTop);
  const left = <i32>field(SampleField.CropLeft);
  const cropHeight = <i32>field(SampleField.CropHeight);
  const cropWidth = <i32>field(SampleField.CropWidth);
  if (min(top, left) < 0 || top + cropHeight > height)
    return fail(Status.BadArgument, 0, <f64>(top + cropHeight), <f64>height);
  if (left + cropWidth > width) return fail(Status.BadArgument, 0, <f64>(left + cropWidth), <f64>width);
  const stride = <usize>width * 3;
  return augmentCrop(regionStart(Region.Rgb) + <usize>top * stride + <usize>left * 3, stride);
}

/** Transforms the crop, whose first pixel is at `crop` and whose rows are `stride` bytes apart → Region.Output. */
function augmentCrop(crop: usize, stride: usize): Status {
  const cropHeight = <i32>field(SampleField.CropHeight);
  const cropWidth = <i32>field(SampleField.CropWidth);
  const size = <i32>field(SampleField.Size);
  const filter = <Filter>(<i32>field(SampleField.Filter));
  const flip = field(SampleField.Flip) !== 0;

  const output = reserve(Region.Output, <usize>(size * size * 3));
  if (output === 0) return fail(Status.OutOfMemory, 0);
  resizeFrom(crop, stride, cropWidth, cropHeight);
  let status = resizeInto(output, size, filter, flip);
  if (status !== Status.Ok) return status;
  const operations = SampleField.Erasing + <i32>field(SampleField.EraseCount) * ERASE_FIELDS;
  const records = regionStart(Region.Parameters) + ((<usize>operations) << 3);
  status = applyOperations(output, size, size, records, <i32>field(SampleField.OperationCount), false);
  return status === Status.Ok ? eraseAll(output, size) : status;
}

/** Resizes the crop and computes its window → `output`, u8 [size, size, 3], mirrored with `flip`. */
function resizeInto(output: usize, size: i32, filter: Filter, flip: bool): Status {
  const fullWidth = <i32>field(SampleField.ResizedWidth);
  const fullHeight = <i32>field(SampleField.ResizedHeight);
  const left = <i32>field(SampleField.WindowLeft);
  const top = <i32>field(SampleField.WindowTop);
  const firstX = max(left, 0);
  const firstY = max(top, 0);
  const width = min(left + size, fullWidth) - firstX;
  const height = min(top + size, fullHeight) - firstY;
  const marginX = max(firstX - left, size - width - (firstX - left));
  const marginY = max(firstY - top, size - height - (firstY - top));
  // A reflection takes as many pixels inside as it fills outside, and does not repeat the edge.
  if (width <= marginX) return fail(Status.BadArgument, 0, <f64>left, <f64>fullWidth);
  if (height <= marginY) return fail(Status.BadArgument, 0, <f64>top, <f64>fullHeight);

  const isInside = marginX === 0 && marginY === 0;
  const mirror = flip && isInside && filter !== Filter.Nearest;
  const stride = <usize>size * 3;
  const target = output + <usize>(firstY - top) * stride + <usize>(firstX - left) * 3;
  resizeTo(fullWidth, fullHeight);
  resizeWindow(firstX, firstY, width, height);
  const status = resizePixels(target, stride, filter, mirror, false);
  if (status !== Status.Ok) return status;
  if (!isInside) reflectMargins(output, size, firstX - left, firstY - top, width, height);
  if (flip && !mirror) flipPixels(output, size, size);
  return Status.Ok;
}

function eraseAll(output: usize, size: i32): Status {
  eraseKey(
    <u32>field(SampleField.Index),
    <u32>field(SampleField.Epoch),
    <u32>field(SampleField.Tag),
    <u32>field(SampleField.SeedLow),
    <u32>field(SampleField.SeedHigh),
  );
  const count = <i32>field(SampleField.EraseCount);
  for (let box = 0; box < count; box++) {
    const at = SampleField.Erasing + box * ERASE_FIELDS;
    const status = eraseRectangle(
      output,
      size,
      <i32>field(at + 1),
      <i32>field(at + 2),
      <i32>field(at + 3),
      <i32>field(at + 4),
      <EraseKind>(<i32>field(at)),
      box,
    );
    if (status !== Status.Ok) return status;
  }
  return Status.Ok;
}

/** The same from the JPEG file of `length` bytes in Region.Input; only the crop's pixels are decoded. */
export function augmentJpeg(length: usize, pixelLimit: f64, partial: bool): Status {
  const left = <u32>(<i32>field(SampleField.CropLeft));
  const top = <u32>(<i32>field(SampleField.CropTop));
  const width = <u32>(<i32>field(SampleField.CropWidth));
  const height = <u32>(<i32>field(SampleField.CropHeight));
  const status = decodeJpegWindow(length, pixelLimit, partial, 8, left, top, width, height, false);
  return status === Status.Ok ? augmentCrop(regionStart(Region.Rgb), <usize>width * 3) : status;
}
