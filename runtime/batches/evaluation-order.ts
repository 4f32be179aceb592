// Evaluation order: which images an evaluation has, in which order, and which of them a rank has. A server and its
// clients compute it alike.

import { checkRank } from "../draw/ranks.js";

/** Which images of a data set are evaluated, and in batches of how many. */
export interface EvaluationPart {
  batchSize: number;
  /** At most this many images of all ranks together, evenly spaced over the data set; absent: all. */
  most?: number | undefined;
  /** Every world-th image from the rank-th on: each image has one rank, and none is there twice. Default 0 of 1. */
  rank?: number | undefined;
  world?: number | undefined;
}

export interface EvaluationOrder {
  /** Images of this rank. */
  count: number;
  /** Batches of this rank; the last one may be short. */
  batches: number;
  /** Index in the data set of image `place`, 0 … count − 1. */
  indexAt(place: number): number;
  /** Images of a batch. */
  sizeOf(batch: number): number;
}

/** The images of a data set of `samples` that a part has. Throws `usage/rank`. */
export function evaluationOrder(samples: number, part: EvaluationPart): EvaluationOrder {
  const { batchSize, most = samples, rank = 0, world = 1 } = part;
  checkRank(part);
  const chosen = Math.min(samples, most);
  const count = Math.max(0, Math.ceil((chosen - rank) / world));
  const batches = Math.ceil(count / batchSize);
  return {
    count,
    batches,
    indexAt(place) {
      const at = rank + place * world;
      return chosen === samples ? at : Math.floor(((at + 0.5) * samples) / chosen);
    },
    sizeOf: (batch) => Math.min(batchSize, count - batch * batchSize),
  };
}
