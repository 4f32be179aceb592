// Order: which image stands at place i of epoch e. Pure; knows no files.
//
// A permutation of the data set is never stored: a Feistel network, keyed by (fingerprint, seed, epoch), maps a place
// to an image. The places are laid out on a grid of rows × columns that is a little larger than the data set; a
// result outside the data set is mapped again until it falls inside (cycle walking), which keeps it one to one.

import { VitrineError } from "../errors.js";
import { Domain, streamAddress } from "./domain.js";
import type { DrawMath } from "./math.js";

export interface OrderOptions {
  /** Of the data set: another set is permuted in another way. Any text. */
  fingerprint: string;
  /** Images in the data set. */
  samples: number;
  seed: number;
  /** How often each image stands in a row (repeated augmentation), 1 = off. */
  repeats: number;
}

export interface Order extends OrderOptions {
  readonly math: DrawMath;
  /** Philox key made of seed and fingerprint. */
  readonly low: number;
  readonly high: number;
}

/** An image and which of its repeats this is: with the seed and epoch, the key of its draw. */
export interface Place {
  index: number;
  repeat: number;
}

/** Each round changes one half by a function of the other; eight leave no statistic that a test here could find. */
const ROUNDS = 8;
/** RASampler cuts an epoch to whole multiples of this. */
const REPEATED_MULTIPLE = 256;

const words = new Uint32Array(4);

/** Throws `data/empty` without samples. */
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
    low = words[0] as number;
    high = words[1] as number;
  }
  return { ...options, math, low, high };
}

/** Image at `rank` of the epoch's permutation, both 0 … samples − 1. */
export function permutedIndex(order: Order, epoch: number, rank: number): number {
  const { math, samples, low, high } = order;
  const rows = Math.ceil(Math.sqrt(samples));
  const columns = Math.ceil(samples / rows);
  const { tag } = streamAddress({ seed: 0, epoch, index: 0, repeat: 1 }, Domain.Order);
  let at = rank;
  do {
    let row = Math.floor(at / columns);
    let column = at % columns;
    for (let round = 0; round < ROUNDS; round += 2) {
      math.philox(round, column, epoch, tag, low, high, words);
      row = (row + (words[0] as number)) % rows;
      math.philox(round + 1, row, epoch, tag, low, high, words);
      column = (column + (words[0] as number)) % columns;
    }
    at = row * columns + column;
  } while (at >= samples);
  return at;
}

/**
 * Place 0 … samples − 1 of an epoch → image and repeat. With repeats R an image stands R times in a row and an epoch
 * holds samples / R different ones, as in RASampler (deit samplers.py): consumer r of N takes every Nth place.
 */
export function sampleAt(order: Order, epoch: number, place: number): Place {
  const rank = Math.floor(place / order.repeats);
  if (!(place >= 0 && rank < order.samples))
    throw new VitrineError("data/bad-place", `place ${place} is outside of ${order.samples} samples`);
  return { index: permutedIndex(order, epoch, rank), repeat: place % order.repeats };
}

/** Places of an epoch that are used: all, or with repeats whole multiples of 256 where there are that many. */
export function placesPerEpoch(samples: number, repeats: number): number {
  if (repeats === 1 || samples < REPEATED_MULTIPLE) return samples;
  return samples - (samples % REPEATED_MULTIPLE);
}

/** Full batches in an epoch; the rest is dropped. */
export function batchesPerEpoch(samples: number, batchSize: number, repeats: number): number {
  return Math.floor(placesPerEpoch(samples, repeats) / batchSize);
}

/** Places that consumer `rank` of `replicas` takes in an epoch, in order. */
export function placesOfReplica(samples: number, repeats: number, rank: number, replicas: number): number[] {
  const count = Math.floor(placesPerEpoch(samples, repeats) / replicas);
  return Array.from({ length: count }, (_, i) => rank + i * replicas);
}
