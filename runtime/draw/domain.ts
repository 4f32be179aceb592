// Domain: what a stream of random numbers is for. Streams of different domains never meet, whatever their keys.

import { VitrineError } from "../errors.js";
import type { DrawKey } from "./draw.js";

/** Written into the counter's last word; the numbers are part of what makes a run reproducible, never reuse one. */
export const Domain = {
  Order: 1,
  Sample: 2,
  Erase: 3,
  Mix: 4,
  DropPath: 5,
  Initialization: 6,
  /** Drawn pictures: the sample data set. */
  Scene: 7,
} as const;

export type Domain = (typeof Domain)[keyof typeof Domain];

/** The parts of Philox's counter and key that stay the same within one stream; the block number is the rest. */
export interface StreamAddress {
  index: number;
  epoch: number;
  /** domain · 2²⁴ + repeat. */
  tag: number;
  seedLow: number;
  seedHigh: number;
}

const WORD = 2 ** 32;

function whole(name: string, value: number, limit: number): number {
  if (Number.isInteger(value) && value >= 0 && value < limit) return value;
  throw new VitrineError("data/bad-key", `draw key: ${name} is ${value}, allowed are 0 to ${limit - 1}`, {
    details: { name, value, limit },
  });
}

/** (seed < 2⁵³, epoch < 2³², index < 2³², repeat < 2²⁴) and domain → address. Throws `data/bad-key`. */
export function streamAddress(key: DrawKey, domain: Domain): StreamAddress {
  const seed = whole("seed", key.seed, 2 ** 53);
  return {
    index: whole("index", key.index, WORD),
    epoch: whole("epoch", key.epoch, WORD),
    tag: domain * 2 ** 24 + whole("repeat", key.repeat, 2 ** 24),
    seedLow: seed % WORD,
    seedHigh: Math.floor(seed / WORD),
  };
}
