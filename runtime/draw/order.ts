// Order: which image is at position i of epoch e. A pure function, independent of files.
//
// The permutation of the data set is never stored: a Feistel network, keyed by (fingerprint, seed, epoch), maps a
// position to an image. Positions are laid out on a grid of rows × columns that is slightly larger than the data set; a
// result outside the data set is mapped again until it is inside (cycle walking), which keeps the map one-to-one.
//
// With a window, the data set is cut into runs of consecutive images. An epoch permutes the runs, takes 256 at a time, and
// permutes the images of those. Runs go by position in the data set, not by shard, so that the order is the same for the
// same images in a folder and in shards of any size.

import { VitrineError } from "../errors.js";
import { Domain, type DrawMath, streamAddress } from "./random.js";

/** A data set and how its epochs are ordered. */
export interface OrderOptions {
  /** Identifies the data set, so that different sets are permuted differently. Any text. */
  fingerprint: string;
  /** Images in the data set. */
  samples: number;
  seed: number;
  /** Consecutive occurrences of each image (repeated augmentation), 1 = off. */
  repeats: number;
  /** Images among which an epoch is shuffled; 0, the default, or as many as there are: all. */
  window?: number;
}

/** The order of a data set's epochs; made by `createOrder`, read by `sampleAt`. */
export interface Order extends OrderOptions {
  readonly math: DrawMath;
  /** Philox key derived from seed and fingerprint. */
  readonly low: number;
  readonly high: number;
}

/** An image and the number of its repeat: with seed and epoch, the key of its draw. */
export interface Place {
  index: number;
  repeat: number;
}

/** Runs of consecutive images that are shuffled among each other, in a window. */
const RUNS = 256;
/** A window has at least an image of each run. */
export const SMALLEST_WINDOW = RUNS;

/** What is permuted; each has its own random numbers, as the repeats of a draw have. */
const IMAGES = 1;
const RUNS_OF_EPOCH = 2;
/** Of window w: this and w. */
const WINDOWS = 3;

/** Each round changes one half by a function of the other; after eight, no test here finds a deviation from chance. */
const ROUNDS = 8;
/** RASampler truncates an epoch to a multiple of this. */
const REPEATED_MULTIPLE = 256;

const words = new Uint32Array(4);

/**
 * Prepares the order of a data set. `math` is `ImageModule.math`. Throws `data/empty` without samples,
 * `usage/bad-option` for `repeats` below 1, `data/bad-key` for a seed out of range.
 */
export function createOrder(math: DrawMath, options: OrderOptions): Order {
  const { fingerprint, samples, seed, repeats } = options;
  if (!(samples >= 1))
    throw new VitrineError("data/empty", `the data set holds ${samples} samples, at least 1 is needed`);
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new VitrineError(
      "usage/bad-option",
      `repeats is ${repeats}, allowed are whole numbers from 1 (--repeats)`,
    );
  const start = streamAddress({ seed, epoch: 0, index: 0, repeat: 0 }, Domain.Order);
  let low = start.seedLow;
  let high = start.seedHigh;
  for (const character of fingerprint) {
    math.philox(character.codePointAt(0) ?? 0, 0, 0, start.tag, low, high, words);
    low = words[0];
    high = words[1];
  }
  return { ...options, math, low, high };
}

/** Place `rank` of a permutation of `count` things, both 0 … count − 1. */
function permuted(order: Order, epoch: number, what: number, count: number, rank: number): number {
  const { math, low, high } = order;
  const rows = Math.ceil(Math.sqrt(count));
  const columns = Math.ceil(count / rows);
  const { tag } = streamAddress({ seed: 0, epoch, index: 0, repeat: what }, Domain.Order);
  let at = rank;
  do {
    let row = Math.floor(at / columns);
    let column = at % columns;
    for (let round = 0; round < ROUNDS; round += 2) {
      math.philox(round, column, epoch, tag, low, high, words);
      row = (row + words[0]) % rows;
      math.philox(round + 1, row, epoch, tag, low, high, words);
      column = (column + words[0]) % columns;
    }
    at = row * columns + column;
  } while (at >= count);
  return at;
}

/** Image at `rank` of the epoch's permutation, both 0 … samples − 1. */
export function permutedIndex(order: Order, epoch: number, rank: number): number {
  const { samples, window = 0 } = order;
  if (window === 0 || window >= samples) return permuted(order, epoch, IMAGES, samples, rank);
  const length = Math.ceil(window / RUNS);
  const runs = Math.ceil(samples / length);
  let at = rank;
  // The last run may be short. What falls behind its end is mapped again: a few images of an epoch, from another window.
  do {
    const windowIndex = Math.floor(at / (RUNS * length));
    const firstRun = windowIndex * RUNS;
    const size = Math.min(RUNS, runs - firstRun) * length;
    const place = permuted(order, epoch, WINDOWS + windowIndex, size, at - firstRun * length);
    const run = permuted(order, epoch, RUNS_OF_EPOCH, runs, firstRun + Math.floor(place / length));
    at = run * length + (place % length);
  } while (at >= samples);
  return at;
}

/**
 * Position 0 … samples − 1 of an epoch → image and repeat. With repeats R each image occurs R times consecutively and
 * an epoch has samples / R different ones, as in RASampler (deit samplers.py): consumer r of N takes every Nth
 * position. Throws `data/bad-place` for a position outside the epoch.
 */
export function sampleAt(order: Order, epoch: number, place: number): Place {
  const rank = Math.floor(place / order.repeats);
  if (!(place >= 0 && rank < order.samples))
    throw new VitrineError("data/bad-place", `place ${place} is outside the ${order.samples} samples`);
  return { index: permutedIndex(order, epoch, rank), repeat: place % order.repeats };
}

/** Positions of an epoch that are used: all, or with repeats the largest multiple of 256 if there are that many. */
function placesPerEpoch(samples: number, repeats: number): number {
  if (repeats === 1 || samples < REPEATED_MULTIPLE) return samples;
  return samples - (samples % REPEATED_MULTIPLE);
}

/**
 * Full batches in an epoch; the remainder is dropped. With repeats above 1 an epoch of 256 images or more is first
 * cut to a multiple of 256, as RASampler does (deit samplers.py).
 */
export function batchesPerEpoch(samples: number, batchSize: number, repeats: number): number {
  return Math.floor(placesPerEpoch(samples, repeats) / batchSize);
}

/** Images that occur in the batches of an epoch, each `repeats` times, the last one perhaps less often. */
export function imagesPerEpoch(samples: number, batchSize: number, repeats: number): number {
  return Math.ceil((batchesPerEpoch(samples, batchSize, repeats) * batchSize) / repeats);
}

/** Positions that consumer `rank` of `replicas` takes in an epoch, in order. */
export function placesOfReplica(samples: number, repeats: number, rank: number, replicas: number): number[] {
  const count = Math.floor(placesPerEpoch(samples, repeats) / replicas);
  return Array.from({ length: count }, (_, i) => rank + i * replicas);
}
