// Operations: runs a chain of augmentation operations, given as records, on one picture.

import { fail, regionStart, reserve } from "../call";
import { OPERATION_FIELDS, Operation, Region, Status } from "../contract";
import { rotateQuarters } from "../flip-rotate";
import { affine } from "./affine";
import { affineScalar } from "./affine-scalar";
import { color, colorScalar, sharpness, sharpnessScalar } from "./enhance";
import { gaussianBlur } from "./gaussian-blur";
import {
  applyTable,
  fillAutoContrast,
  fillBrightness,
  fillContrast,
  fillEqualize,
  fillInvert,
  fillPosterize,
  fillSolarize,
  fillSolarizeAdd,
} from "./point-table";

/** Builds the point table of an operation; false for an operation that has none. */
function fillTableOf(operation: Operation, pixels: usize, count: i32, argument: f64): bool {
  switch (operation) {
    case Operation.AutoContrast:
      fillAutoContrast(pixels, count);
      return true;
    case Operation.Equalize:
      fillEqualize(pixels, count);
      return true;
    case Operation.Invert:
      fillInvert();
      return true;
    case Operation.Posterize:
      fillPosterize(<i32>argument);
      return true;
    case Operation.Solarize:
      fillSolarize(<i32>argument);
      return true;
    case Operation.SolarizeAdd:
      fillSolarizeAdd(<i32>argument);
      return true;
    case Operation.Brightness:
      fillBrightness(<f32>argument);
      return true;
    case Operation.Contrast:
      fillContrast(pixels, count, <f32>argument);
      return true;
    default:
      return false;
  }
}

function isAffine(operation: Operation): bool {
  return operation === Operation.AffineBicubic || operation === Operation.AffineBilinear;
}

function applyAffine(record: usize, pixels: usize, width: i32, height: i32): Status {
  const a = load<f64>(record, 8);
  const b = load<f64>(record, 16);
  const c = load<f64>(record, 24);
  const d = load<f64>(record, 32);
  const e = load<f64>(record, 40);
  const f = load<f64>(record, 48);
  const bicubic = <Operation>(<i32>load<f64>(record)) === Operation.AffineBicubic;
  return affine(pixels, width, height, a, b, c, d, e, f, bicubic);
}

function applyAffineScalar(record: usize, copy: usize, pixels: usize, width: i32, height: i32): void {
  const a = load<f64>(record, 8);
  const b = load<f64>(record, 16);
  const c = load<f64>(record, 24);
  const d = load<f64>(record, 32);
  const e = load<f64>(record, 40);
  const f = load<f64>(record, 48);
  const bicubic = <Operation>(<i32>load<f64>(record)) === Operation.AffineBicubic;
  affineScalar(copy, width, height, pixels, a, b, c, d, e, f, bicubic);
}

/** Runs an operation that cannot work in place: from `copy` to `pixels`. */
function applyFromCopy(
  record: usize,
  copy: usize,
  pixels: usize,
  width: i32,
  height: i32,
  scalar: bool,
): void {
  const operation = <Operation>(<i32>load<f64>(record));
  const argument = load<f64>(record, 8);
  if (operation === Operation.Rotate90) rotateQuarters(copy, width, height, pixels, <i32>argument);
  else if (operation !== Operation.Sharpness) applyAffineScalar(record, copy, pixels, width, height);
  else if (scalar) sharpnessScalar(copy, width, height, pixels, <f32>argument);
  else sharpness(copy, width, height, pixels, <f32>argument);
}

/** Applies `count` records of f64 [7] at `records` to u8 [height, width, 3] at `pixels`, in place. */
export function applyOperations(
  pixels: usize,
  width: i32,
  height: i32,
  records: usize,
  count: i32,
  scalar: bool,
): Status {
  const bytes = <usize>(width * height * 3);
  for (let i = 0; i < count; i++) {
    const record = records + <usize>(i * OPERATION_FIELDS) * 8;
    const operation = <Operation>(<i32>load<f64>(record));
    const argument = load<f64>(record, 8);
    if (fillTableOf(operation, pixels, width * height, argument)) applyTable(pixels, width * height);
    else if (operation === Operation.Color) {
      if (scalar) colorScalar(pixels, width * height, <f32>argument);
      else color(pixels, width * height, <f32>argument);
    } else if (operation === Operation.GaussianBlur) {
      const status = gaussianBlur(pixels, width, height, <f32>argument, scalar);
      if (status !== Status.Ok) return status;
    } else if (isAffine(operation) && !scalar) {
      const status = applyAffine(record, pixels, width, height);
      if (status !== Status.Ok) return status;
    } else {
      const copy = reserve(Region.Spare, bytes);
      if (copy === 0) return fail(Status.OutOfMemory, 0);
      memory.copy(copy, pixels, bytes);
      applyFromCopy(record, copy, pixels, width, height, scalar);
    }
  }
  return Status.Ok;
}

/** Applies the records in Region.Parameters to Region.Rgb, in place; `scalar` runs the scalar references. */
export function augmentPicture(width: i32, height: i32, count: i32, scalar: bool): Status {
  const records = regionStart(Region.Parameters);
  return applyOperations(regionStart(Region.Rgb), width, height, records, count, scalar);
}
