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

/** A part of a picture, and where the model's input shows it. */
export interface EvaluationCrop {
  crop: PictureArea;
  /** In pixels of the input: all of it, unless there is a border. */
  shown: PictureArea;
}

/** The whole input as an area of the picture: `crop`, and around it the border, which is outside the picture. */
export function inputArea({ crop, shown }: EvaluationCrop, size: number): PictureArea {
  const [across, down] = [crop.width / shown.width, crop.height / shown.height];
  return {
    x: crop.x - shown.x * across,
    y: crop.y - shown.y * down,
    width: size * across,
    height: size * down,
  };
}

/** The part of an upright picture of this size that the model's input shows. */
export function evaluationCrop(picture: Size, transform: InputTransform): EvaluationCrop {
  const { size, cropRatio = DEFAULT_CROP_RATIO, cropMode, cropRounding } = transform;
  const whole = resizedSize(picture, Math.trunc(size / cropRatio), cropMode);
  const axis = (from: number, resized: number) => {
    const kept = Math.min(resized, size);
    const margin = (resized - kept) / 2;
    const start = cropRounding === "down" ? Math.floor(margin) : roundHalfEven(margin);
    const scale = from / resized;
    return { start: start * scale, length: kept * scale, kept, padding: Math.floor((size - kept) / 2) };
  };
  const [across, down] = [axis(picture.width, whole.width), axis(picture.height, whole.height)];
  return {
    crop: { x: across.start, y: down.start, width: across.length, height: down.length },
    shown: { x: across.padding, y: down.padding, width: across.kept, height: down.kept },
  };
}
