// Rank union: what the ranks of a run have of a batch, put together again.

import type { Batch, BatchSource, Cursor } from "../../runtime/batches/batch-source.js";
import { placesOfRank } from "../../runtime/draw/ranks.js";
import { batchDigest } from "../../server/data/batch-digest.js";

/** Copies of a batch's arrays. */
export type Part = Pick<Batch, "pixels" | "labels" | "partnerLabels" | "lambdas" | "weights">;

/** A difference of digests is printed at once, one of pixels is not. */
export const digestOfPart = (part: Part): string =>
  batchDigest({
    ...part,
    cursor: { epoch: 0, batch: 0 },
    count: part.labels.length,
    size: 0,
  });

const kept = ({ pixels, labels, partnerLabels, lambdas, weights }: Batch): Part => ({
  pixels: pixels.slice(),
  labels: labels.slice(),
  partnerLabels: partnerLabels.slice(),
  lambdas: lambdas.slice(),
  weights: weights.slice(),
});

/** `count` batches from a cursor on. */
export async function partsOf(source: BatchSource, from: Cursor, count: number): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const made of source.batches(from)) {
    parts.push(kept(made));
    if (parts.length === count) break;
  }
  return parts;
}

/** What ranks have, at its places in the batch of all of them. */
export function unionOf(batchSize: number, parts: readonly Part[]): Part {
  const imageBytes = (parts[0].pixels.length * parts.length) / batchSize;
  const whole: Part = {
    pixels: new Uint8Array(batchSize * imageBytes),
    labels: new Int32Array(batchSize),
    partnerLabels: new Int32Array(batchSize),
    lambdas: new Float64Array(batchSize),
    weights: new Float32Array(batchSize),
  };
  parts.forEach((part, rank) => {
    placesOfRank(batchSize, { rank, world: parts.length }).forEach((place, row) => {
      whole.pixels.set(part.pixels.subarray(row * imageBytes, (row + 1) * imageBytes), place * imageBytes);
      for (const field of ["labels", "partnerLabels", "lambdas", "weights"] as const)
        whole[field][place] = part[field][row];
    });
  });
  return whole;
}
