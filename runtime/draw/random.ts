// Random: numbers that are a pure function of (seed, epoch, index, repeat), and the elementary functions for draws. The
// generator and the functions come from image.wasm: their last bits are the same on every engine, while those of the
// host's Math.log, exp, pow, sin and cos are not.

import { VitrineError } from "../errors.js";
import type { WasmModule } from "../host/environment-types.js";
import type { DrawKey } from "./draw-key.js";

/**
 * What a stream of random numbers is for. Streams of different domains never overlap, whatever their keys. The numbers
 * are stored in the counter's last word and are part of what makes a run reproducible: never reuse one.
 */
export const Domain = {
  Order: 1,
  Sample: 2,
  Erase: 3,
  Mix: 4,
  DropPath: 5,
  Initialization: 6,
  /** Drawn pictures: the sample data set. */
  Scene: 7,
  /** Noise on the learning rate. */
  RateNoise: 8,
} as const;

/** The number of a domain, as `Domain` lists them. */
export type Domain = (typeof Domain)[keyof typeof Domain];

/** The parts of Philox's counter and key that are constant within one stream; the block number is the rest. */
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

/**
 * Random generator and elementary functions of image.wasm, whose last bits are the same on every engine, unlike those
 * of `Math`. `ImageModule.math` has one.
 */
export interface DrawMath {
  /** Philox4x32-10: counter (block, index, epoch, tag) and key (low, high) → words u32 [4]. */
  philox(
    block: number,
    index: number,
    epoch: number,
    tag: number,
    low: number,
    high: number,
    words: Uint32Array,
  ): void;
  log(x: number): number;
  exp(x: number): number;
  pow(base: number, exponent: number): number;
  sin(x: number): number;
  cos(x: number): number;
  /** N(0, 1), float32 [count]; value i depends on (key, domain, i) alone. Writes into `into` if given. */
  normals(key: DrawKey, domain: Domain, count: number, into?: Float32Array): Float32Array;
  /** U[0, 1) with 24 bits, float32 [count]; value i depends on (key, domain, i) alone. Writes into `into` if given. */
  uniforms(key: DrawKey, domain: Domain, count: number, into?: Float32Array): Float32Array;
}

type Fill = (
  block: number,
  index: number,
  epoch: number,
  tag: number,
  low: number,
  high: number,
  count: number,
) => void;

/** The exports of assembly/image/draw.ts. */
interface DrawExports {
  philox(block: number, index: number, epoch: number, tag: number, low: number, high: number): void;
  philoxWords(): number;
  logarithm(x: number): number;
  exponential(x: number): number;
  power(base: number, exponent: number): number;
  sine(x: number): number;
  cosine(x: number): number;
  drawBuffer(): number;
  drawBufferValues(): number;
  fillNormals: Fill;
  fillUniforms: Fill;
}

/** Must match asconfig.json: pages of 64 KiB. Draws never grow it. */
const PAGES = 16;
const MAXIMUM_PAGES = 65_536;

/** Compiled image.wasm → draw math on an instance of its own, which no picture can corrupt. */
export function createDrawMath(compiled: WasmModule): DrawMath {
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: MAXIMUM_PAGES });
  const instance = new WebAssembly.Instance(compiled, {
    env: { memory },
    strip: { takeRows: () => {} },
    interruption: { askHost: () => {} },
  });
  const exports = instance.exports as unknown as DrawExports;
  const block4 = new Uint32Array(memory.buffer, exports.philoxWords() >>> 0, 4);
  const capacity = exports.drawBufferValues();
  const buffer = new Float32Array(memory.buffer, exports.drawBuffer() >>> 0, capacity);

  function bulk(fill: Fill, key: DrawKey, domain: Domain, count: number, given?: Float32Array): Float32Array {
    const into = given ?? new Float32Array(count);
    const { index, epoch, tag, seedLow, seedHigh } = streamAddress(key, domain);
    for (let start = 0; start < count; start += capacity) {
      const length = Math.min(capacity, count - start);
      fill(start / 2, index, epoch, tag, seedLow, seedHigh, length);
      into.set(length === capacity ? buffer : buffer.subarray(0, length), start);
    }
    return into;
  }

  return {
    philox(block, index, epoch, tag, low, high, words) {
      exports.philox(block, index, epoch, tag, low, high);
      words.set(block4);
    },
    log: exports.logarithm,
    exp: exports.exponential,
    pow: exports.power,
    sin: exports.sine,
    cos: exports.cosine,
    normals: (key, domain, count, into) => bulk(exports.fillNormals, key, domain, count, into),
    uniforms: (key, domain, count, into) => bulk(exports.fillUniforms, key, domain, count, into),
  };
}

/** The random numbers that the drawing functions ask for. Tests replace it with fixed answers. */
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

/** The stream of `key` in `domain`, from its first number on; each call creates an independent reader of it. */
export function drawStream(math: DrawMath, key: DrawKey, domain: Domain): Chance {
  return new Stream(math, streamAddress(key, domain));
}

class Stream implements Chance {
  #block = 0;
  #taken = 4;
  readonly #words = new Uint32Array(4);
  readonly #math: DrawMath;
  readonly #address: StreamAddress;

  constructor(math: DrawMath, address: StreamAddress) {
    this.#math = math;
    this.#address = address;
  }

  #word(): number {
    if (this.#taken === 4) {
      const { index, epoch, tag, seedLow, seedHigh } = this.#address;
      this.#math.philox(this.#block++, index, epoch, tag, seedLow, seedHigh, this.#words);
      this.#taken = 0;
    }
    return this.#words[this.#taken++];
  }

  uniform(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  integer(count: number): number {
    // Words at or above the largest multiple of `count` would favor small results, so they are rejected.
    const limit = WORD - (WORD % count);
    let word = this.#word();
    while (word >= limit) word = this.#word();
    return word % count;
  }

  gaussian(mean: number, deviation: number): number {
    const radius = Math.sqrt(-2 * this.#math.log(1 - this.uniform()));
    return mean + deviation * radius * this.#math.cos(2 * Math.PI * this.uniform());
  }
}
