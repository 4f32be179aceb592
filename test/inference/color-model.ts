// Color model: the smallest thing that can be served. Its logits are the image's mean red, green and blue, so that
// every test can state the expected answer without running a network.

import { VitrineError } from "../../runtime/errors.js";
import { finished, type Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import type { ServedModel } from "../../server/inference/engine/engine.js";

export const SIZE = 4;
export const IMAGE_BYTES = SIZE * SIZE * 3;

const CONFIG: DeitConfig = {
  imageSize: SIZE,
  patchSize: 2,
  dim: 6,
  depth: 1,
  heads: 1,
  mlpDim: 24,
  classes: 3,
  distilled: true,
  layerNormEpsilon: 1e-6,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  cropRatio: 1,
};

/** pixels uint8 [count, 4, 4, 3] → mean of each channel, [count, 3]. */
export function meanColors(pixels: Uint8Array, count: number): Float32Array {
  const means = new Float32Array(count * 3);
  for (let place = 0; place < count * IMAGE_BYTES; place++) {
    means[Math.floor(place / IMAGE_BYTES) * 3 + (place % 3)]! += pixels[place]! / (SIZE * SIZE);
  }
  return means;
}

/** A "picture" is three bytes, its color; anything else is refused as a decoder would. */
function readPicture(encoded: Uint8Array): Uint8Array {
  if (encoded.length !== 3) {
    throw new VitrineError("jpeg/not-jpeg", `not a JPEG file: it has ${encoded.length} bytes`);
  }
  return Uint8Array.from({ length: IMAGE_BYTES }, (_, place) => encoded[place % 3]!);
}

export function colorModel(delayMs = 0): ServedModel {
  return {
    name: "colors",
    config: CONFIG,
    labels: ["red", "green", "blue"],
    parameters: 0,
    device: "wasm",
    readPicture,
    submit: async (pixels: Uint8Array, count: number): Promise<Started<Logits>> => {
      const logits = meanColors(pixels, count);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      const [classLogits, distillationLogits] = [logits.map((x) => x + 1), logits.map((x) => x - 1)];
      return finished({ logits, classLogits, distillationLogits });
    },
  };
}
