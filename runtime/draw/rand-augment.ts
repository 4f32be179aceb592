// RandAugment: the operations that a sample gets, and their magnitudes. timm 0.3.2, auto_augment.py.

import { VitrineError } from "../errors.js";
import type { AugmentOperation } from "./draw.js";
import type { Chance } from "./random.js";

/** A string such as `rand-m9-n2-mstd0.5-inc1`, parsed. */
export interface RandAugmentSpec {
  /** Magnitude, 0 to 10; larger values of the string are clipped when it is used. */
  magnitude: number;
  /** Standard deviation of the magnitude between operations, 0 = none. */
  deviation: number;
  /** Operations per sample. */
  layers: number;
  /** Use the `…Increasing` variant of the operations that have one. */
  increasing: boolean;
  /** Choose by timm's weights (set 0) without replacement, instead of uniformly with replacement. */
  weighted: boolean;
}

const MAXIMUM = 10;
/** Each chosen operation is then applied with this probability. */
const APPLY = 0.5;

/** Name, weight in set 0, whether it has an `…Increasing` variant. In timm's order. */
const OPERATIONS: readonly (readonly [string, number, boolean])[] = [
  ["AutoContrast", 0.025, false],
  ["Equalize", 0.005, false],
  ["Invert", 0, false],
  ["Rotate", 0.3, false],
  ["Posterize", 0, true],
  ["Solarize", 0.005, true],
  ["SolarizeAdd", 0.005, false],
  ["Color", 0.025, true],
  ["Contrast", 0.005, true],
  ["Brightness", 0.005, true],
  ["Sharpness", 0.025, true],
  ["ShearX", 0.2, false],
  ["ShearY", 0.2, false],
  ["TranslateXRel", 0.1, false],
  ["TranslateYRel", 0.1, false],
];

/** Operations that can be drawn, by name, in timm's order. */
export function operationNames(increasing: boolean): string[] {
  return OPERATIONS.map(([name, , varies]) => (increasing && varies ? `${name}Increasing` : name));
}

function malformed(text: string, section: string, allowed: string): VitrineError {
  return new VitrineError(
    "usage/bad-option",
    `RandAugment string "${text}": section "${section}" is not understood; ${allowed} (--aa)`,
    { details: { text, section } },
  );
}

/**
 * Parses timm's grammar: `rand`, then in any order `m` magnitude, `n` layers, `mstd` deviation, `inc` increasing, `w0`
 * weights. As in timm, a section without a digit is ignored, `inc` with any digit (0 too) means yes, and the first
 * `mstd` and the last of every other section count. Throws `usage/bad-option`.
 */
export function parseRandAugment(text: string): RandAugmentSpec {
  const [head, ...sections] = text.split("-");
  if (head !== "rand") throw malformed(text, head ?? "", 'it must begin with "rand"');
  const spec = { magnitude: MAXIMUM, deviation: 0, layers: 2, increasing: false, weighted: false };
  let hasDeviation = false;
  for (const section of sections) {
    const digit = section.search(/\d/);
    if (digit < 0) continue;
    const value = section.slice(digit);
    const integer = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    const decimal = /^\d+(\.\d*)?(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
    const key = section.slice(0, digit);
    if (key === "mstd" && !Number.isNaN(decimal)) {
      if (!hasDeviation) spec.deviation = decimal;
      hasDeviation = true;
    } else if (key === "inc") spec.increasing = true;
    else if (key === "m" && !Number.isNaN(integer)) spec.magnitude = integer;
    else if (key === "n" && !Number.isNaN(integer)) spec.layers = integer;
    else if (key === "w" && integer === 0) spec.weighted = true;
    else throw malformed(text, section, "sections are m<int>, n<int>, mstd<number>, inc<digit>, w0");
  }
  const choices = OPERATIONS.filter(([, weight]) => weight > 0).length;
  if (spec.weighted && spec.layers > choices)
    throw malformed(text, `n${spec.layers}`, `with w0 at most ${choices} operations can be drawn`);
  return spec;
}

/** Magnitude of one application: the spec's, with noise if it has a deviation, clipped to 0 … 10. */
export function drawMagnitude(chance: Chance, spec: { magnitude: number; deviation: number }): number {
  const drawn = spec.deviation > 0 ? chance.gaussian(spec.magnitude, spec.deviation) : spec.magnitude;
  return Math.min(MAXIMUM, Math.max(0, drawn));
}

/**
 * Name and level 0 … 10 → argument: degrees for Rotate, bits to keep for Posterize, threshold for Solarize, amount for
 * SolarizeAdd, factor for the enhancements, slope for Shear, fraction of the side for Translate…Rel; 0 if the operation
 * has none. `negate` is called only where timm flips a coin for the sign.
 */
export function levelArgument(name: string, level: number, negate: () => boolean): number {
  const fraction = level / MAXIMUM;
  const signed = (value: number): number => (negate() ? -value : value);
  switch (name) {
    case "AutoContrast":
    case "Equalize":
    case "Invert":
      return 0;
    case "Rotate":
      return signed(fraction * 30);
    case "Posterize":
      return Math.trunc(fraction * 4);
    case "PosterizeIncreasing":
      return 4 - Math.trunc(fraction * 4);
    case "PosterizeOriginal":
      return Math.trunc(fraction * 4) + 4;
    case "Solarize":
      return Math.trunc(fraction * 256);
    case "SolarizeIncreasing":
      return 256 - Math.trunc(fraction * 256);
    case "SolarizeAdd":
      return Math.trunc(fraction * 110);
    case "Color":
    case "Contrast":
    case "Brightness":
    case "Sharpness":
      return fraction * 1.8 + 0.1;
    case "ColorIncreasing":
    case "ContrastIncreasing":
    case "BrightnessIncreasing":
    case "SharpnessIncreasing":
      return 1 + signed(fraction * 0.9);
    case "ShearX":
    case "ShearY":
      return signed(fraction * 0.3);
    case "TranslateXRel":
    case "TranslateYRel":
      return signed(fraction * 0.45);
    default:
      throw new VitrineError("image/unknown-operation", `no augmentation operation is called "${name}"`);
  }
}

/** Indices into OPERATIONS, drawn by weight without replacement. */
function drawWeighted(chance: Chance, layers: number): number[] {
  const weights = OPERATIONS.map(([, weight]) => weight);
  return Array.from({ length: layers }, () => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let rest = chance.uniform() * total;
    let chosen = weights.findLastIndex((weight) => weight > 0);
    for (let i = 0; i < weights.length; i++) {
      rest -= weights[i];
      if (rest < 0) {
        chosen = i;
        break;
      }
    }
    weights[chosen] = 0;
    return chosen;
  });
}

/** An operation of that name at a drawn magnitude. */
export function drawOperation(
  chance: Chance,
  name: string,
  spec: { magnitude: number; deviation: number },
): AugmentOperation {
  const magnitude = drawMagnitude(chance, spec);
  return { name, argument: levelArgument(name, magnitude, () => chance.uniform() >= 0.5) };
}

/** The operations that one sample gets, in order, with their arguments. */
export function drawRandAugment(chance: Chance, spec: RandAugmentSpec): AugmentOperation[] {
  const names = operationNames(spec.increasing);
  const chosen = spec.weighted
    ? drawWeighted(chance, spec.layers)
    : Array.from({ length: spec.layers }, () => chance.integer(OPERATIONS.length));
  const operations: AugmentOperation[] = [];
  for (const position of chosen) {
    if (chance.uniform() >= APPLY) continue;
    operations.push(drawOperation(chance, names[position], spec));
  }
  return operations;
}
