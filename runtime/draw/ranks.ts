// Ranks: which places of a global batch each of several trainers has, so that all of them together have the batch of a
// single one.

import { VitrineError } from "../errors.js";

/** One of the trainers that share the batches of a run. */
export interface Rank {
  /** Number of the trainer, 0 … world − 1. Default 0. */
  rank?: number | undefined;
  /** Number of trainers. Default 1. */
  world?: number | undefined;
}

/** More trainers of one run than that are a mistake. */
const MAX_WORLD = 1024;

const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** Throws `usage/rank` for a world above 1,024 and a rank outside it. */
export function checkRank({ rank = 0, world = 1 }: Rank): void {
  if (!isWhole(world, 1, MAX_WORLD) || !isWhole(rank, 0, world - 1))
    throw new VitrineError(
      "usage/rank",
      `rank ${rank} of ${world}; allowed: a world of 1 to ${MAX_WORLD} ranks, which count from 0 (--rank, --world)`,
      { details: { rank, world } },
    );
}

/** Samples of a global batch that each rank has. Throws `usage/rank`. */
export function rankCount(batchSize: number, part: Rank): number {
  checkRank(part);
  const { world = 1 } = part;
  if (batchSize % world !== 0)
    throw new VitrineError(
      "usage/rank",
      `a batch of ${batchSize} cannot be divided among ${world} ranks: their number must divide the batch size, which ` +
        "is that of all ranks together",
      { details: { batchSize, world } },
    );
  return batchSize / world;
}

/**
 * Places of a global batch of `batchSize` samples that a rank has, ascending, [batchSize / world].
 *
 * Mixup and CutMix mix the samples at places b and batchSize − 1 − b. In the sequence 0, batchSize − 1, 1, batchSize − 2,
 * … the two are neighbors, and rank r has the r-th of `world` equal parts of it. So both are on the same rank where
 * batchSize / world is even, and otherwise at most two pairs of a rank are shared with another one. Partners are then
 * again symmetric about the middle of the rank's own batch, and the parts of a world of 4 are the halves of those of a
 * world of 2: piece p of P of a batch is the same samples in the same order, whichever rank of a smaller world has it.
 *
 * Throws `usage/rank` where the world does not divide the batch.
 */
export function placesOfRank(batchSize: number, { rank = 0, world = 1 }: Rank): Int32Array {
  const count = rankCount(batchSize, { rank, world });
  const place = (at: number): number => (at % 2 === 0 ? at / 2 : batchSize - (at + 1) / 2);
  return Int32Array.from({ length: count }, (_, i) => place(rank * count + i)).sort();
}
