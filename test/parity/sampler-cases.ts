// Sampler cases: the random draws of crops, erased boxes, mixing factors and magnitudes have the distributions of timm's,
// and erasing gives its values to within a byte's rounding.

import { Region } from "../../assembly/image/contract.js";
import { drawBeta } from "../../runtime/draw/mix.js";
import { drawMagnitude } from "../../runtime/draw/rand-augment.js";
import { type Chance, Domain, type DrawMath, drawStream } from "../../runtime/draw/random.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawCrop, drawErasing } from "../../runtime/draw/sample.js";
import { IMAGENET_MEAN, IMAGENET_STD } from "../../runtime/models/config.js";
import type { CaseGroup, ParityOutcome } from "./case.js";
import { compare } from "./compare.js";
import { imageModule, numbersOf, tensorOf } from "./image-module.js";

interface Statistics {
  mean: number;
  std: number;
  q05: number;
  q25: number;
  q50: number;
  q75: number;
  q95: number;
}

type Range = [number, number];

interface SamplerStats {
  random_resized_crop: {
    scale: Range;
    ratio: Range;
    n: number;
    images: Record<string, Record<string, Statistics>>;
    fallback_cases: { width: number; height: number; top_left_h_w: number[] }[];
  };
  random_erasing_64x64: { n: number; area_fraction: Statistics; aspect_h_over_w: Statistics };
  mixup_beta_0_8: Statistics;
  cutmix_beta_1: Statistics;
  ra_magnitude: Statistics;
}

/** Draws of each distribution. */
const DRAWS = 20_000;

/** Deviations that chance alone exceeds once in a million comparisons. The draws are the same in every run. */
const STANDARD_ERRORS = 5;

/** How far the draws' mean, deviation and quantiles are from the reference's sample, in standard errors of both. */
function distribution(
  name: string,
  values: Float64Array,
  expected: Statistics,
  draws = DRAWS,
): ParityOutcome {
  const sorted = values.toSorted();
  const { length } = sorted;
  const error = Math.sqrt(1 / length + 1 / draws);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / length;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
  const off = [
    Math.abs(mean - expected.mean) / (expected.std * error),
    // The standard error of a deviation is below the mean's for every distribution without heavy tails.
    Math.abs(Math.sqrt(variance) - expected.std) / (expected.std * error),
  ];
  for (const [quantile, fraction] of [
    ["q05", 0.05],
    ["q25", 0.25],
    ["q50", 0.5],
    ["q75", 0.75],
    ["q95", 0.95],
  ] as const) {
    const value = expected[quantile];
    const below = sorted.findIndex((each) => each >= value);
    const above = sorted.findLastIndex((each) => each <= value);
    // Equal values on both sides: crops are whole pixels.
    const distance = Math.max(0, below / length - fraction, fraction - (above + 1) / length);
    off.push(distance / (Math.sqrt(fraction * (1 - fraction)) * error));
  }
  const maxAbsError = Math.max(...off);
  const standard = `sampler_stats/${name}, standard errors`;
  return { name: standard, ok: maxAbsError <= STANDARD_ERRORS, maxAbsError, tolerance: STANDARD_ERRORS };
}

function drawn<T>(count: number, draw: () => T): T[] {
  return Array.from({ length: count }, draw);
}

function* cropCases(chance: Chance, math: DrawMath, stats: SamplerStats): Generator<ParityOutcome> {
  const { scale, ratio, images, n, fallback_cases: fallbacks } = stats.random_resized_crop;
  for (const [name, expected] of Object.entries(images)) {
    const [width = 0, height = 0] = name.split("x").map(Number);
    const crops = drawn(DRAWS, () => drawCrop(chance, math, { width, height }, scale, ratio));
    const measures = {
      area_fraction: crops.map((crop) => (crop.width * crop.height) / (width * height)),
      aspect_w_over_h: crops.map((crop) => crop.width / crop.height),
      top_fraction: crops.map(({ top }) => top / height),
      left_fraction: crops.map(({ left }) => left / width),
    };
    for (const [measure, values] of Object.entries(measures)) {
      const title = `random_resized_crop/${name}/${measure}`;
      yield distribution(title, Float64Array.from(values), expected[measure] as Statistics, n);
    }
  }
  const upper: Chance = {
    ...{ uniform: () => 1, between: (_, high) => high, integer: () => 0, gaussian: (mean) => mean },
  };
  for (const { width, height, top_left_h_w: wanted } of fallbacks) {
    const crop = drawCrop(upper, math, { width, height }, scale, ratio);
    const got = [crop.top, crop.left, crop.height, crop.width];
    yield compare(`sampler_stats/fallback/${width}x${height}`, got, wanted, 0);
  }
}

export const samplerCases: CaseGroup = async function* (context) {
  const file = "sampler_stats.json";
  if (!context.has(file)) return;
  const stats = context.json<SamplerStats>(file);
  const { math } = await imageModule();
  const chance = drawStream(math, { seed: 1, epoch: 0, index: 0, repeat: 0 }, Domain.Sample);
  yield* cropCases(chance, math, stats);
  const recipe = { ...DEIT_RECIPE, size: 64, eraseProbability: 1, eraseCount: 1 };
  const boxes = drawn(DRAWS, () => drawErasing(chance, math, recipe)).flat();
  const { n, area_fraction: area, aspect_h_over_w: aspect } = stats.random_erasing_64x64;
  const areas = Float64Array.from(boxes, ({ width, height }) => (width * height) / 64 ** 2);
  yield distribution("random_erasing_64x64/area_fraction", areas, area, n);
  const aspects = Float64Array.from(boxes, ({ width, height }) => height / width);
  yield distribution("random_erasing_64x64/aspect_h_over_w", aspects, aspect, n);
  for (const [name, shape] of [
    ["mixup_beta_0_8", 0.8],
    ["cutmix_beta_1", 1],
  ] as const) {
    const factors = Float64Array.from(drawn(DRAWS, () => drawBeta(chance, math, shape)));
    yield distribution(name, factors, stats[name]);
  }
  const magnitudes = drawn(DRAWS, () => drawMagnitude(chance, { magnitude: 9, deviation: 0.5 }));
  yield distribution("ra_magnitude", Float64Array.from(magnitudes), stats.ra_magnitude);
};

const CHANNELS = [0, 1, 2] as const;

/**
 * timm erases normalized floats, Vitrine bytes before normalization. The image is rounded to bytes, erased with the
 * reference's noise and normalized: inside the box values are the noise to half a byte, where a byte can hold it;
 * outside the pixels are untouched.
 */
export const floatErasingCases: CaseGroup = async function* (context) {
  const file = "random_erasing.safetensors";
  if (!context.has(file) || !context.has("random_erasing.json")) return;
  const { top, left, height, width } =
    context.json<Record<"top" | "left" | "height" | "width", number>>("random_erasing.json");
  const module = await imageModule();
  const [, rows = 0, columns = 0] = tensorOf(context, file, "input").shape;
  const [input, noise, output] = ["input", "noise", "output"].map((name) =>
    numbersOf(tensorOf(context, file, name)),
  ) as [Float64Array, Float64Array, Float64Array];
  const toByte = (value: number, channel: number): number => {
    const byte = Math.floor(255 * (IMAGENET_MEAN[channel] + IMAGENET_STD[channel] * value) + 0.5);
    return Math.min(255, Math.max(0, byte));
  };
  const toFloat = (byte: number, channel: number): number =>
    (byte / 255 - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel];
  const bytes = rows * columns * 3;
  /** Planes [3, h, w] → pixels [h, w, 3]. */
  const interleaved = (planes: Float64Array): Float64Array => {
    const area = planes.length / 3;
    return Float64Array.from(planes, (_, i) => planes[(i % 3) * area + Math.floor(i / 3)]);
  };
  const picture = Uint8Array.from(interleaved(input), (value, i) => toByte(value, i % 3));
  const draws = interleaved(noise);
  const pixels = module.run(file, (call) => {
    const address = call.reserve(Region.Output, bytes);
    const noiseAddress = call.reserve(Region.Scratch, draws.byteLength);
    call.view(Region.Output, bytes).set(picture);
    call.view(Region.Scratch, draws.byteLength).set(new Uint8Array(draws.buffer));
    call.exports.fillNoise(address, columns, top, left, height, width, noiseAddress, 1);
    return call.take(Region.Output, bytes);
  });
  const inBox = (i: number): boolean => {
    const [row, column] = [Math.floor(i / 3 / columns), Math.floor(i / 3) % columns];
    return row >= top && row < top + height && column >= left && column < left + width;
  };
  const expected = interleaved(output);
  const isClipped = (i: number): boolean => pixels[i] === 0 || pixels[i] === 255;
  const halfByte = 0.5 / 255 / Math.min(...CHANNELS.map((channel) => IMAGENET_STD[channel]));
  const got = Float64Array.from(pixels, (byte, i) => toFloat(byte, i % 3));
  const erased = { excluded: (i: number) => !inBox(i) || isClipped(i) };
  yield compare("random_erasing/box", got, expected, halfByte * 1.000001, erased);
  yield compare("random_erasing/outside", pixels, picture, 0, { excluded: inBox });
};
