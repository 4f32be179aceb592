// Normalization: what each of the 256 byte values becomes before a model sees it.

import type { DeitConfig } from "./config.js";

/**
 * [3, 256]: (v/255 − mean)/std per channel, rounded to float32 after every step, as torchvision's ToTensor and
 * Normalize do on float32 tensors.
 */
export function normalizationTable({ mean, std }: Pick<DeitConfig, "mean" | "std">): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const center = Math.fround(mean[channel] as number);
    const deviation = Math.fround(std[channel] as number);
    for (let value = 0; value < 256; value++) {
      const difference = Math.fround(Math.fround(value / 255) - center);
      table[channel * 256 + value] = difference / deviation;
    }
  }
  return table;
}
