// Textures: ten classes that differ in what a small window shows, each drawn at any phase, color and contrast, so that
// neither color nor brightness nor place tells the class. Half of them differ from the other half by the pattern's period
// alone, which a crop that is enlarged changes.

import type { SampleClasses } from "../../bin/sample-data/sample-set.js";
import {
  COOL,
  type Color,
  type Random,
  randomColor,
  randomDirection,
  SIDE,
  WARM,
} from "../../bin/sample-data/scene.js";

/** Height of a pattern at a point in its own frame, whose period is 1 along both axes: about −1 … 1. */
type Pattern = (u: number, v: number) => number;

/** Triangle wave of period 1 and range −1 … 1; no sine, whose last bit differs between engines. */
function wave(x: number): number {
  const phase = x - Math.floor(x);
  return 1 - 4 * Math.abs(phase - 0.5);
}

/** Distance from the center of the unit cell, in half cells. */
function fromCenter(u: number, v: number): number {
  const x = 2 * (u - Math.floor(u)) - 1;
  const y = 2 * (v - Math.floor(v)) - 1;
  return Math.sqrt(x * x + y * y);
}

const PATTERNS: readonly [name: string, pattern: Pattern][] = [
  ["checks", (u, v) => 2 * wave(u) * wave(v)],
  ["dots", (u, v) => 1.2 - 2 * fromCenter(u, v)],
  ["grid", (u, v) => 2 * Math.max(wave(u), wave(v)) - 1],
  ["stripes", (u) => wave(u)],
  ["zigzag", (u, v) => wave(u + 0.25 * wave(v / 2))],
];

/** Period in pixels. */
const PERIODS: readonly [name: string, from: number, to: number][] = [
  ["coarse", 9, 12],
  ["fine", 6, 8],
];

/** Steepness of a pattern's edges. */
const EDGE = 2;
/** Tangent of the largest rotation to either side. */
const TILT = 0.3;
/** How much darker the dark color is than its hue alone. */
const SHADE = 0.6;
const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

const brightness = ([red, green, blue]: Color): number => red + green + blue;

function randomColors(random: Random): [dark: Color, light: Color] {
  const both: Color[] = [randomColor(random, WARM), randomColor(random, COOL)];
  const [first, light] = both.sort((a, b) => brightness(a) - brightness(b));
  return [first.map((value) => SHADE * value) as Color, light];
}

/** A direction turned by at most TILT to either side. */
function tiltedDirection(random: Random): [cos: number, sin: number] {
  const tangent = TILT * (2 * random() - 1);
  const length = Math.sqrt(1 + tangent * tangent);
  return [1 / length, tangent / length];
}

function drawTexture(pattern: Pattern, from: number, to: number, random: Random): Uint8Array {
  const [dark, light] = randomColors(random);
  const period = from + (to - from) * random();
  const [cos, sin] = tiltedDirection(random);
  const [phaseU, phaseV] = [random(), random()];
  const [slopeX, slopeY] = randomDirection(random);
  const contrast = 0.5 + 0.4 * random();
  const grain = 10 + 40 * random();
  const pixels = new Uint8Array(SIDE * SIDE * 4);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const u = (x * cos + y * sin) / period + phaseU;
      const v = (y * cos - x * sin) / period + phaseV;
      const shade = (slopeX * (2 * x - SIDE) + slopeY * (2 * y - SIDE)) / (4 * SIDE);
      const height = clamp(EDGE * pattern(u, v), -1, 1);
      const mix = clamp(0.5 + 0.5 * contrast * height + shade, 0, 1);
      const noise = grain * (random() - 0.5);
      const at = 4 * (y * SIDE + x);
      for (let channel = 0; channel < 3; channel++) {
        const value = dark[channel] * (1 - mix) + light[channel] * mix + noise;
        pixels[at + channel] = clamp(Math.round(value), 0, 255);
      }
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

export const TEXTURE_CLASSES: SampleClasses = new Map(
  PATTERNS.flatMap(([name, pattern]) =>
    PERIODS.map(([size, from, to]) => [
      `${name}-${size}`,
      (random: Random) => drawTexture(pattern, from, to, random),
    ]),
  ),
);
