// Evaluation crop: the part of a picture that a model's input shows, in the picture's own pixels.

import { roundHalfEven } from "../round-half-even.js";
import { DEFAULT_CROP_RATIO, type InputTransform } from "./input-transform.js";

/** A rectangle of a picture in pixels, fractions included. */
export interface PictureArea {
  /** Distance of its left side from the picture's. */
  x: number;
  /** Distance of its top from the picture's. */
  y: number;
  width: number;
  height: number;
}

interface Size {
  width: number;
  height: number;
}

/** The size that the whole picture is resized to, as assembly/image/augment/evaluation.ts has it. */
function resizedSize({ width, height }: Size, side: number, cropMode: InputTransform["cropMode"]): Size {
  if (cropMode === "squash") return { width: side, height: side };
  if (cropMode === "border") {
    const ratio = Math.max(height / side, width / side);
    const length = (of: number) => Math.max(1, roundHalfEven(of / ratio));
    return { width: length(width), height: length(height) };
  }
  const long = Math.trunc((side * Math.max(width, height)) / Math.min(width, height));
  return { width: width <= height ? side : long, height: width > height ? side : long };
}

/**
 * The part of an upright picture of this size that the model's input shows. With `cropMode` `border` it may be the
 * whole picture, around which the input has a border.
 */
export function evaluationCrop(picture: Size, transform: InputTransform): PictureArea {
  const { size, cropRatio = DEFAULT_CROP_RATIO, cropMode, cropRounding } = transform;
  const whole = resizedSize(picture, Math.trunc(size / cropRatio), cropMode);
  const axis = (from: number, resized: number): [start: number, length: number] => {
    const kept = Math.min(resized, size);
    const margin = (resized - kept) / 2;
    const start = cropRounding === "down" ? Math.floor(margin) : roundHalfEven(margin);
    return [(start * from) / resized, (kept * from) / resized];
  };
  const [x, width] = axis(picture.width, whole.width);
  const [y, height] = axis(picture.height, whole.height);
  return { x, y, width, height };
}
