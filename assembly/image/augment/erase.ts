// Erase: rectangles overwritten with noise or with one colour. timm erases normalised pixels with N(0, 1); in bytes
// that is clamp(⌊255 · (mean + std · z) + ½⌋), computed in double.

import { drawNormalPair, firstNormal, secondNormal } from "../draw/bulk";
import { EraseKind } from "./erase-kind";

/** ImageNet's mean and standard deviation per channel, with which every DeiT normalises. */
function channelMean(channel: i32): f64 {
  return channel === 0 ? 0.485 : channel === 1 ? 0.456 : 0.406;
}

function channelDeviation(channel: i32): f64 {
  return channel === 0 ? 0.229 : channel === 1 ? 0.224 : 0.225;
}

/** Normalised value z of a channel → byte. */
export function noiseByte(z: f64, channel: i32): u8 {
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

/** u8 [·, width, 3] at `pixels`: the rectangle filled as `kind` says; `ordinal` counts the boxes of a sample. */
export function eraseRectangle(
  pixels: usize,
  width: i32,
  top: i32,
  left: i32,
  boxHeight: i32,
  boxWidth: i32,
  kind: EraseKind,
  ordinal: i32,
): void {
  if (kind === EraseKind.Pixel) {
    erasePixels(pixels, width, top, left, boxHeight, boxWidth);
    return;
  }
  let red: f64 = 0;
  let green: f64 = 0;
  let blue: f64 = 0;
  if (kind === EraseKind.Random) {
    const block = COLOUR_BLOCKS + ((<u32>ordinal) << 1);
    drawNormalPair(block, index, epoch, tag, seedLow, seedHigh);
    red = firstNormal();
    green = secondNormal();
    drawNormalPair(block + 1, index, epoch, tag, seedLow, seedHigh);
    blue = firstNormal();
  }
  const r = noiseByte(red, 0);
  const g = noiseByte(green, 1);
  const b = noiseByte(blue, 2);
  for (let y = top; y < top + boxHeight; y++) {
    let at = pixels + <usize>(y * width + left) * 3;
    for (let x = 0; x < boxWidth; x++) {
      store<u8>(at, r);
      store<u8>(at, g, 1);
      store<u8>(at, b, 2);
      at += 3;
    }
  }
}

/** Value i of the picture (row-major, channels inside) takes normal i of the stream. */
function erasePixels(pixels: usize, width: i32, top: i32, left: i32, boxHeight: i32, boxWidth: i32): void {
  for (let y = top; y < top + boxHeight; y++) {
    let at = (y * width + left) * 3;
    const end = at + boxWidth * 3;
    let channel = 0;
    let pair = -1;
    for (; at < end; at++) {
      if (at >> 1 !== pair) {
        pair = at >> 1;
        drawNormalPair(<u32>pair, index, epoch, tag, seedLow, seedHigh);
      }
      store<u8>(pixels + <usize>at, noiseByte((at & 1) === 0 ? firstNormal() : secondNormal(), channel));
      channel = channel === 2 ? 0 : channel + 1;
    }
  }
}
