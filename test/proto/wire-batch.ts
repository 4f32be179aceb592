// A batch of numbers that would reveal a mix-up of fields, positions or signs.

import type { WireBatch } from "../../proto/batch-codec.js";

const MAX_UINT32 = 2 ** 32 - 1;

export function wireBatch(count: number, size: number): WireBatch {
  const pixels = new Uint8Array(new SharedArrayBuffer(count * size * size * 3));
  pixels.forEach((_, i) => {
    pixels[i] = (i * 7 + (i >> 8)) & 255;
  });
  return {
    cursor: { epoch: MAX_UINT32, batch: MAX_UINT32 - 1 },
    count,
    size,
    labels: Int32Array.from({ length: count }, (_, b) => b * 1_000_003),
    partnerLabels: Int32Array.from({ length: count }, (_, b) => 2_000_000_000 - b),
    lambdas: Float64Array.from({ length: count }, (_, b) => 1 / (b + 3)),
    weights: Float32Array.from({ length: count }, (_, b) => b % 2),
    pixels,
  };
}
