// Draw math: the generator and the elementary functions that every draw is made with, from image.wasm.
// Their last bits are the same on every engine; the host's Math.log, exp, pow, sin and cos are not.

import { type Domain, streamAddress } from "./domain.js";
import type { DrawKey } from "./draw.js";

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
  /** N(0, 1), float32 [count]; value i depends on (key, domain, i) alone. Into `into` where given. */
  normals(key: DrawKey, domain: Domain, count: number, into?: Float32Array): Float32Array;
  /** U[0, 1) with 24 bits, float32 [count]; value i depends on (key, domain, i) alone. */
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

/** The exports of assembly/image/draw. */
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

/** Compiled image.wasm → draw math on an instance of its own, which no picture can damage. */
export function createDrawMath(compiled: WebAssembly.Module): DrawMath {
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: MAXIMUM_PAGES });
  const instance = new WebAssembly.Instance(compiled, { env: { memory, takeRows: () => {} } });
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
