// Classifier config: the description of a model's input and output that all families share, and how pixels are
// normalized by it.

import type { InputTransform } from "../image/input-transform.js";
import { roundHalfEven } from "../round-half-even.js";

/** Input size, normalization and number of classes: what the configurations of all families have in common. */
export interface ClassifierConfig {
  /** Side of the square input, in pixels. */
  imageSize: number;
  /** Number of classes, the values of a row of logits. */
  classes: number;
  /** Normalization of the input per color: (pixel/255 − mean)/std. */
  mean: [number, number, number];
  std: [number, number, number];
  /**
   * Fraction of the resized image that the evaluation crop keeps: the short side is resized to ⌊imageSize/cropRatio⌋.
   */
  cropRatio: number;
  /** Filter of that resize. Default bicubic. */
  interpolation?: NonNullable<InputTransform["filter"]>;
  /** Whether the short side (`center`), both (`squash`) or the long side (`border`) are resized to it. Default center. */
  cropMode?: NonNullable<InputTransform["cropMode"]>;
  /** How odd margins of the crop are rounded: `even` as torchvision, `down` as transformers. Default even. */
  cropRounding?: NonNullable<InputTransform["cropRounding"]>;
}

/** How a picture becomes the model's input, the same in validation, classification, serving and the page. */
export function inputTransform(config: ClassifierConfig): InputTransform & { cropRatio: number } {
  const { imageSize: size, cropRatio, interpolation: filter, cropMode, cropRounding, mean } = config;
  return {
    size,
    cropRatio,
    ...(filter !== undefined && { filter }),
    ...(cropMode !== undefined && { cropMode }),
    ...(cropMode === "border" && { borderColor: meanColor(mean) }),
    ...(cropRounding !== undefined && { cropRounding }),
  };
}

/** round(255·mean) per color, which is about 0 once it is normalized: timm's fill of a border. */
export function meanColor(mean: ClassifierConfig["mean"]): [number, number, number] {
  const [red, green, blue] = mean.map((value) => Math.min(255, Math.max(0, roundHalfEven(255 * value))));
  return [red, green, blue];
}

export const IMAGENET_MEAN: [number, number, number] = [0.485, 0.456, 0.406];
export const IMAGENET_STD: [number, number, number] = [0.229, 0.224, 0.225];

/**
 * The normalized value of each byte, float32 [3, 256]: (v/255 − mean)/std per color, rounded to float32 after every
 * step, as torchvision's ToTensor and Normalize do on float32 tensors.
 */
export function normalizationTable({ mean, std }: Pick<ClassifierConfig, "mean" | "std">): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const center = Math.fround(mean[channel]);
    const deviation = Math.fround(std[channel]);
    for (let value = 0; value < 256; value++) {
      const difference = Math.fround(Math.fround(value / 255) - center);
      table[channel * 256 + value] = difference / deviation;
    }
  }
  return table;
}
