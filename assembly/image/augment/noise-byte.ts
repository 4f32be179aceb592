// Noise byte: what a normal value becomes in a channel's bytes, clamp(⌊255 · (mean + std · z) + ½⌋), drawn at once.
//
// The 256 results of a channel have known probabilities, so no logarithm or cosine is needed for each value: Walker's
// alias method takes one 32-bit word. Its upper 8 bits choose a column, the lower 24 between the column's own byte and
// its alias; every probability is met to 2⁻³². A box of a quarter of an image costs a fifth of what normal draws did.

import { channelDeviation, channelMean } from "./channel";

const OUTCOMES: i32 = 256;
/** Columns [3, 256] of {threshold u32, alias u32}. */
const columns: usize = memory.data(3 * OUTCOMES * 8, 16);
/** While a table is made: f64 [256] of how full each column is, and the numbers of those to be joined, i32 [256]. */
const shares: usize = memory.data(OUTCOMES * 8, 16);
const queue: usize = memory.data(OUTCOMES * 4, 16);
const TWO_TO_32: f64 = 4294967296.0;

let made: bool = false;

/** Φ(x) for |x| < 4: ½ + φ(x) · (x + x³/3 + x⁵/(3·5) + …). Marsaglia, "Evaluating the normal distribution" (2004). */
function normalDistribution(x: f64): f64 {
  let term = x;
  let sum = x;
  for (let odd: f64 = 3; sum + term !== sum; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + (sum * NativeMath.exp(-0.5 * x * x)) / NativeMath.sqrt(2.0 * NativeMath.PI);
}

/** Probability that the channel's byte is at most `value`. */
function atMost(value: i32, channel: i32): f64 {
  if (value < 0) return 0;
  if (value >= OUTCOMES - 1) return 1;
  return normalDistribution(((<f64>value + 0.5) / 255.0 - channelMean(channel)) / channelDeviation(channel));
}

function shareOf(column: i32): f64 {
  return load<f64>(shares + ((<usize>column) << 3));
}

function setColumn(channel: i32, column: i32, share: f64, alias: i32): void {
  const at = columns + ((<usize>(channel * OUTCOMES + column)) << 3);
  store<u32>(at, <u32>Math.min(Math.floor(share * TWO_TO_32 + 0.5), TWO_TO_32 - 1.0));
  store<u32>(at, <u32>alias, 4);
}

function queued(place: i32): i32 {
  return load<i32>(queue + ((<usize>place) << 2));
}

function enqueue(place: i32, column: i32): void {
  store<i32>(queue + ((<usize>place) << 2), column);
}

function setShare(column: i32, share: f64): void {
  store<f64>(shares + ((<usize>column) << 3), share);
}

/** Vose's construction: a column that is not full takes the rest from one that is more than full. */
function makeTable(channel: i32): void {
  // Columns that are not full wait in front of `scarce`, the others from `rich` on.
  let scarce = 0;
  let rich = OUTCOMES;
  for (let value = 0; value < OUTCOMES; value++) {
    const share = (atMost(value, channel) - atMost(value - 1, channel)) * <f64>OUTCOMES;
    setShare(value, share);
    if (share < 1) enqueue(scarce++, value);
    else enqueue(--rich, value);
  }
  while (scarce > 0 && rich < OUTCOMES) {
    const poor = queued(--scarce);
    const giver = queued(rich);
    setColumn(channel, poor, shareOf(poor), giver);
    const left = shareOf(giver) - (1.0 - shareOf(poor));
    setShare(giver, left);
    if (left < 1) {
      rich++;
      enqueue(scarce++, giver);
    }
  }
  // What is left is full but for rounding.
  while (scarce > 0) {
    const column = queued(--scarce);
    setColumn(channel, column, 1, column);
  }
  for (; rich < OUTCOMES; rich++) setColumn(channel, queued(rich), 1, queued(rich));
}

/** Makes the tables, once in an instance's life. */
export function prepareNoise(): void {
  if (made) return;
  for (let channel = 0; channel < 3; channel++) makeTable(channel);
  made = true;
}

/** A uniform 32-bit word → a byte of channel 0, 1 or 2. */
export function noiseByteOf(word: u32, channel: i32): u8 {
  const column = word >>> 24;
  const at = columns + ((<usize>(channel << 8) + <usize>column) << 3);
  return <u8>select<u32>(column, load<u32>(at, 4), word << 8 < load<u32>(at));
}
