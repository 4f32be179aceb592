// Scene: one picture of the sample data set, drawn from a stream of random numbers alone.

import type { Inside } from "./shapes.js";

/** Uniform in [0, 1). */
export type Random = () => number;

/** Side of a picture in pixels. */
export const SIDE = 64;

/** Samples per pixel along each axis: 3 × 3 levels of coverage look smooth and cost little. */
const OVERSAMPLE = 3;

/** No shape extends further from its center than this many radii. */
const REACH = 1.35;

export type Color = [red: number, green: number, blue: number];

/** Hues in degrees. Either may be the brighter one, so that gray levels alone reveal little of the shape. */
export const WARM = { from: -30, width: 90 };
export const COOL = { from: 120, width: 140 };

/** Hue in degrees, saturation and value in 0 … 1 → channels in 0 … 255. */
function fromHue(hue: number, saturation: number, value: number): Color {
  const channel = (offset: number): number => {
    const sector = (offset + hue / 60 + 6) % 6;
    return 255 * value * (1 - saturation * Math.max(0, Math.min(sector, 4 - sector, 1)));
  };
  return [channel(5), channel(3), channel(1)];
}

export function randomColor(random: Random, { from, width }: typeof WARM): Color {
  return fromHue(from + width * random(), 0.5 + 0.5 * random(), 0.4 + 0.6 * random());
}

/** A random unit vector by rejection: no sine, whose last bit differs between engines. */
export function randomDirection(random: Random): [cos: number, sin: number] {
  for (;;) {
    const x = 2 * random() - 1;
    const y = 2 * random() - 1;
    const square = x * x + y * y;
    if (square > 0.01 && square <= 1) return [x / Math.sqrt(square), y / Math.sqrt(square)];
  }
}

/** Fraction of pixel (x, y) that the shape covers. */
function coverage(inside: Inside, frame: Frame, x: number, y: number): number {
  if (Math.max(Math.abs(x - frame.x), Math.abs(y - frame.y)) > REACH * frame.radius + 1) return 0;
  let hits = 0;
  for (let i = 0; i < OVERSAMPLE * OVERSAMPLE; i++) {
    const dx = x + ((i % OVERSAMPLE) + 0.5) / OVERSAMPLE - frame.x;
    const dy = y + (Math.floor(i / OVERSAMPLE) + 0.5) / OVERSAMPLE - frame.y;
    const u = (dx * frame.cos + dy * frame.sin) / frame.radius;
    const v = (dy * frame.cos - dx * frame.sin) / frame.radius;
    if (inside(u, v)) hits++;
  }
  return hits / (OVERSAMPLE * OVERSAMPLE);
}

interface Frame {
  x: number;
  y: number;
  radius: number;
  cos: number;
  sin: number;
}

function randomFrame(random: Random): Frame {
  const radius = SIDE * (0.28 + 0.14 * random());
  const space = SIDE - 2 * radius;
  const x = radius + space * random();
  const y = radius + space * random();
  const [cos, sin] = randomDirection(random);
  return { x, y, radius, cos, sin };
}

/**
 * Draws a shape of random position, size, rotation and warm color on a cool background with gradient and grain.
 * Returns RGBA bytes [SIDE, SIDE, 4], the input of the JPEG encoder.
 */
export function drawScene(inside: Inside, random: Random): Uint8Array {
  const from = randomColor(random, COOL);
  const to = from.map((value) => value + 60 * (random() - 0.5)) as Color;
  const color = randomColor(random, WARM);
  const [slopeX, slopeY] = randomDirection(random);
  const grain = 8 + 20 * random();
  const frame = randomFrame(random);
  const pixels = new Uint8Array(SIDE * SIDE * 4);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const along = 0.5 + 0.5 * ((slopeX * (2 * x - SIDE)) / SIDE + (slopeY * (2 * y - SIDE)) / SIDE);
      const mix = Math.min(1, Math.max(0, along));
      const cover = coverage(inside, frame, x, y);
      const noise = grain * (random() - 0.5);
      const at = 4 * (y * SIDE + x);
      for (let channel = 0; channel < 3; channel++) {
        const background = from[channel] * (1 - mix) + to[channel] * mix;
        const value = background * (1 - cover) + color[channel] * cover + noise;
        pixels[at + channel] = Math.min(255, Math.max(0, Math.round(value)));
      }
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}
