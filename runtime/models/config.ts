// Classifier config: the description of a model's input and output that all families share, and how pixels are
// normalized by it.

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
