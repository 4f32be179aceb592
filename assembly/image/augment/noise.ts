// Noise: bytes distributed as clamp(⌊255 · (mean + std · z) + ½⌋) of a channel for a normal z, drawn directly.
//
// How it is fast: the 256 results of a channel have known probabilities, so no logarithm or cosine is needed per
// value. Walker's alias method takes one 32-bit word: its upper 8 bits choose a column, the lower 24 choose between
// the column's own byte and its alias; every probability is exact to 2⁻³². A box of a quarter of an image costs a
// fifth of what normal draws did.

/** ImageNet's mean and standard deviation per channel, with which every DeiT normalizes. */
export function channelMean(channel: i32): f64 {
  return channel === 0 ? 0.485 : channel === 1 ? 0.456 : 0.406;
}

export function channelDeviation(channel: i32): f64 {
  return channel === 0 ? 0.229 : channel === 1 ? 0.224 : 0.225;
}

const OUTCOMES: i32 = 256;
/** Columns [3, 256] of {threshold u32, alias u32}. */
const columns: usize = memory.data(3 * OUTCOMES * 8, 16);
/** While a table is built: f64 [256], how full each column is, and the queue of columns to process, i32 [256]. */
const fills: usize = memory.data(OUTCOMES * 8, 16);
const queue: usize = memory.data(OUTCOMES * 4, 16);
const TWO_TO_32: f64 = 4294967296.0;

let built: bool = false;

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

function fillOf(column: i32): f64 {
  return load<f64>(fills + ((<usize>column) << 3));
}

function setColumn(channel: i32, column: i32, fill: f64, alias: i32): void {
  const at = columns + ((<usize>(channel * OUTCOMES + column)) << 3);
  store<u32>(at, <u32>Math.min(Math.floor(fill * TWO_TO_32 + 0.5), TWO_TO_32 - 1.0));
  store<u32>(at, <u32>alias, 4);
}

function queued(place: i32): i32 {
  return load<i32>(queue + ((<usize>place) << 2));
}

function enqueue(place: i32, column: i32): void {
  store<i32>(queue + ((<usize>place) << 2), column);
}

function setFill(column: i32, fill: f64): void {
  store<f64>(fills + ((<usize>column) << 3), fill);
}

/** Vose's construction: a column that is not full is topped up from one that is overfull. */
function buildTable(channel: i32): void {
  // Columns that are not full are queued before `underfull`, the others from `overfull` on.
  let underfull = 0;
  let overfull = OUTCOMES;
  for (let value = 0; value < OUTCOMES; value++) {
    const fill = (atMost(value, channel) - atMost(value - 1, channel)) * <f64>OUTCOMES;
    setFill(value, fill);
    if (fill < 1) enqueue(underfull++, value);
    else enqueue(--overfull, value);
  }
  while (underfull > 0 && overfull < OUTCOMES) {
    const receiver = queued(--underfull);
    const donor = queued(overfull);
    setColumn(channel, receiver, fillOf(receiver), donor);
    const left = fillOf(donor) - (1.0 - fillOf(receiver));
    setFill(donor, left);
    if (left < 1) {
      overfull++;
      enqueue(underfull++, donor);
    }
  }
  // The remaining columns are full up to rounding.
  while (underfull > 0) {
    const column = queued(--underfull);
    setColumn(channel, column, 1, column);
  }
  for (; overfull < OUTCOMES; overfull++) setColumn(channel, queued(overfull), 1, queued(overfull));
}

/** Builds the tables, once per instance. */
export function prepareNoise(): void {
  if (built) return;
  for (let channel = 0; channel < 3; channel++) buildTable(channel);
  built = true;
}

/** A uniform 32-bit word → a byte of channel 0, 1 or 2. */
export function noiseByteOf(word: u32, channel: i32): u8 {
  const column = word >>> 24;
  const at = columns + ((<usize>(channel << 8) + <usize>column) << 3);
  return <u8>select<u32>(column, load<u32>(at, 4), word << 8 < load<u32>(at));
}
