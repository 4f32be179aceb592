// Erase: rectangles overwritten with noise or with one color. timm erases normalized pixels with N(0, 1); in bytes that
// is clamp(⌊255 · (mean + std · z) + ½⌋), computed in double.

import { fail, reserve } from "../call";
import { EraseKind, Region, Status } from "../contract";
import { drawNormalPair, firstNormal, philox, philoxWords, secondNormal } from "../draw";
import { channelDeviation, channelMean, noiseByteOf, prepareNoise } from "./noise";

/** Normalized value z of a channel → byte. */
function noiseByte(z: f64, channel: i32): u8 {
  const value = Math.floor(255.0 * (channelMean(channel) + channelDeviation(channel) * z) + 0.5);
  return <u8>Math.min(Math.max(value, 0.0), 255.0);
}

/**
 * Generator key of one sample's noise; blocks are numbered by position in the picture, so that a value depends on it.
 */
let index: u32 = 0;
let epoch: u32 = 0;
let tag: u32 = 0;
let seedLow: u32 = 0;
let seedHigh: u32 = 0;

export function eraseKey(atIndex: u32, atEpoch: u32, withTag: u32, low: u32, high: u32): void {
  index = atIndex;
  epoch = atEpoch;
  tag = withTag;
  seedLow = low;
  seedHigh = high;
}

/** Blocks from here on give the colors of `Random` boxes, two blocks per box. */
const COLOR_BLOCKS: u32 = 0x80000000;

/** A byte of noise for every value: value i of the picture (row-major, channels last) takes word i of the stream. */
function fillPixelNoise(pixels: usize, width: i32, top: i32, left: i32, boxHeight: i32, boxWidth: i32): void {
  prepareNoise();
  const words = philoxWords();
  for (let y = top; y < top + boxHeight; y++) {
    const first = (y * width + left) * 3;
    let channel = 0;
    let block = -1;
    for (let at = first; at < first + boxWidth * 3; at++) {
      if (at >> 2 !== block) {
        block = at >> 2;
        philox(<u32>block, index, epoch, tag, seedLow, seedHigh);
      }
      const word = load<u32>(words + ((<usize>at & 3) << 2));
      store<u8>(pixels + <usize>at, noiseByteOf(word, channel));
      channel = channel === 2 ? 0 : channel + 1;
    }
  }
}

/** Draws the normal values of a color, f64 [3] at `noise`: zeros for the mean color. */
function drawColor(noise: usize, kind: EraseKind, ordinal: i32): void {
  memory.fill(noise, 0, 24);
  if (kind === EraseKind.Const) return;
  const block = COLOR_BLOCKS + ((<u32>ordinal) << 1);
  drawNormalPair(block, index, epoch, tag, seedLow, seedHigh);
  store<f64>(noise, firstNormal());
  store<f64>(noise, secondNormal(), 8);
  drawNormalPair(block + 1, index, epoch, tag, seedLow, seedHigh);
  store<f64>(noise, firstNormal(), 16);
}

/**
 * Fills a rectangle of u8 [·, width, 3] at `pixels` from normal values f64 at `noise`, one for every byte of the
 * rectangle (`perValue`) or three for all of it.
 */
export function fillNoise(
  pixels: usize,
  width: i32,
  top: i32,
  left: i32,
  boxHeight: i32,
  boxWidth: i32,
  noise: usize,
  perValue: bool,
): void {
  for (let y = top; y < top + boxHeight; y++) {
    let at = pixels + <usize>(y * width + left) * 3;
    for (let x = 0; x < boxWidth; x++) {
      store<u8>(at, noiseByte(load<f64>(noise), 0));
      store<u8>(at, noiseByte(load<f64>(noise, 8), 1), 1);
      store<u8>(at, noiseByte(load<f64>(noise, 16), 2), 2);
      at += 3;
      if (perValue) noise += 24;
    }
  }
}

/** Erases a rectangle of u8 [·, width, 3] at `pixels`; `ordinal` is the index of the box within the sample. */
export function eraseRectangle(
  pixels: usize,
  width: i32,
  top: i32,
  left: i32,
  boxHeight: i32,
  boxWidth: i32,
  kind: EraseKind,
  ordinal: i32,
): Status {
  if (kind === EraseKind.Pixel) {
    fillPixelNoise(pixels, width, top, left, boxHeight, boxWidth);
    return Status.Ok;
  }
  const noise = reserve(Region.Scratch, 24);
  if (noise === 0) return fail(Status.OutOfMemory, 0);
  drawColor(noise, kind, ordinal);
  fillNoise(pixels, width, top, left, boxHeight, boxWidth, noise, false);
  return Status.Ok;
}
