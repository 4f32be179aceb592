// Erase: rectangles overwritten with noise or with one colour. timm erases normalised pixels with N(0, 1); in bytes
// that is clamp(⌊255 · (mean + std · z) + ½⌋), computed in double.

import { drawNormalPair, firstNormal, secondNormal } from "../draw/bulk";
import { reserve } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { EraseKind } from "./erase-kind";

/** ImageNet's mean and standard deviation per channel, with which every DeiT normalises. */
function channelMean(channel: i32): f64 {
  return channel === 0 ? 0.485 : channel === 1 ? 0.456 : 0.406;
}

function channelDeviation(channel: i32): f64 {
  return channel === 0 ? 0.229 : channel === 1 ? 0.224 : 0.225;
}

/** Normalised value z of a channel → byte. */
function noiseByte(z: f64, channel: i32): u8 {
  const value = Math.floor(255.0 * (channelMean(channel) + channelDeviation(channel) * z) + 0.5);
  return <u8>Math.min(Math.max(value, 0.0), 255.0);
}

/** Generator key of one sample's noise; blocks are numbered by place, so that a value depends on where it stands. */
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

/** Blocks from here on give the colours of `Random` boxes, two blocks a box. */
const COLOUR_BLOCKS: u32 = 0x80000000;

/** Normal values of a rectangle or a colour, f64. */
function drawNoise(
  noise: usize,
  width: i32,
  top: i32,
  left: i32,
  boxHeight: i32,
  boxWidth: i32,
  kind: EraseKind,
  ordinal: i32,
): void {
  if (kind === EraseKind.Pixel) {
    // Value i of the picture (row-major, channels inside) takes normal i of the stream.
    for (let y = top; y < top + boxHeight; y++) {
      const first = (y * width + left) * 3;
      let pair = -1;
      for (let at = first; at < first + boxWidth * 3; at++) {
        if (at >> 1 !== pair) {
          pair = at >> 1;
          drawNormalPair(<u32>pair, index, epoch, tag, seedLow, seedHigh);
        }
        store<f64>(noise, (at & 1) === 0 ? firstNormal() : secondNormal());
        noise += 8;
      }
    }
    return;
  }
  memory.fill(noise, 0, 24);
  if (kind === EraseKind.Const) return;
  const block = COLOUR_BLOCKS + ((<u32>ordinal) << 1);
  drawNormalPair(block, index, epoch, tag, seedLow, seedHigh);
  store<f64>(noise, firstNormal());
  store<f64>(noise, secondNormal(), 8);
  drawNormalPair(block + 1, index, epoch, tag, seedLow, seedHigh);
  store<f64>(noise, firstNormal(), 16);
}

/**
 * u8 [·, width, 3] at `pixels`: the rectangle filled from normal values f64 at `noise`, one for every byte of the
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

/** u8 [·, width, 3] at `pixels`: the rectangle erased as `kind` says; `ordinal` counts the boxes of a sample. */
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
  const perValue = kind === EraseKind.Pixel;
  const values = perValue ? boxHeight * boxWidth * 3 : 3;
  const noise = reserve(Region.Scratch, (<usize>max(values, 3)) << 3);
  if (noise === 0) return fail(Status.OutOfMemory, 0);
  drawNoise(noise, width, top, left, boxHeight, boxWidth, kind, ordinal);
  fillNoise(pixels, width, top, left, boxHeight, boxWidth, noise, perValue);
  return Status.Ok;
}
