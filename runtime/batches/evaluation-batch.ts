// Evaluation batch: what was made of a batch's images, and what remains of it without those that could not be read.

import type { EvaluationBatch } from "./batch-source.js";

/** A batch in which every image has its place: zero pixels and weight 0 where it could not be read. */
export interface PlacedEvaluationBatch extends EvaluationBatch {
  /** Side of the square images in pixels. */
  size: number;
  weights: Float32Array;
}

/** The images that could be read, in order; the pixels are moved together in place. */
export function readableImages(batch: PlacedEvaluationBatch): EvaluationBatch {
  const { pixels, labels, names, weights, size } = batch;
  const imageBytes = size * size * 3;
  const places = [...weights.keys()].filter((place) => weights[place] !== 0);
  places.forEach((from, to) => {
    if (from > to) pixels.copyWithin(to * imageBytes, from * imageBytes, (from + 1) * imageBytes);
  });
  return {
    count: places.length,
    pixels: pixels.subarray(0, places.length * imageBytes),
    labels: Int32Array.from(places, (place) => labels[place]),
    names: places.map((place) => names[place]),
  };
}
