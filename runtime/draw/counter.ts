// Counter: a stream of random numbers that is a pure function of (seed, epoch, index, repeat) and its domain.

import { type Domain, type StreamAddress, streamAddress } from "./domain.js";
import type { DrawKey } from "./draw.js";
import type { DrawMath } from "./math.js";

/** What the drawing functions ask of chance. A test may answer in its place. */
export interface Chance {
  /** U[0, 1) with 53 bits. */
  uniform(): number;
  /** low + (high − low)·U, as Python's random.uniform. */
  between(low: number, high: number): number;
  /** One of 0 … count − 1, each equally likely. */
  integer(count: number): number;
  /** mean + deviation·z, z ~ N(0, 1). */
  gaussian(mean: number, deviation: number): number;
}

const WORD = 2 ** 32;

/** The stream of `key` in `domain`; taking numbers moves it on, and a new one starts at the same place again. */
export function drawStream(math: DrawMath, key: DrawKey, domain: Domain): Chance {
  return new Stream(math, streamAddress(key, domain));
}

class Stream implements Chance {
  private block = 0;
  private taken = 4;
  private readonly words = new Uint32Array(4);

  constructor(
    private readonly math: DrawMath,
    private readonly address: StreamAddress,
  ) {}

  private word(): number {
    if (this.taken === 4) {
      const { index, epoch, tag, seedLow, seedHigh } = this.address;
      this.math.philox(this.block++, index, epoch, tag, seedLow, seedHigh, this.words);
      this.taken = 0;
    }
    return this.words[this.taken++] as number;
  }

  uniform(): number {
    const high = this.word() >>> 5;
    const low = this.word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  integer(count: number): number {
    // Words at or above the last whole multiple would favor the small results: they are thrown away.
    const limit = WORD - (WORD % count);
    let word = this.word();
    while (word >= limit) word = this.word();
    return word % count;
  }

  gaussian(mean: number, deviation: number): number {
    const radius = Math.sqrt(-2 * this.math.log(1 - this.uniform()));
    return mean + deviation * radius * this.math.cos(2 * Math.PI * this.uniform());
  }
}
