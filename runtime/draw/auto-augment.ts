// AutoAugment: learned policies of 25 pairs of operations each, of which a sample gets one pair. timm 0.3.2,
// auto_augment.py; `original` is the ImageNet policy of arXiv 1805.09501, `v0` that of TPU EfficientNet.

import type { AugmentOperation } from "./draw.js";
import { drawOperation } from "./rand-augment.js";
import type { Chance } from "./random.js";

/** One of a pair: the operation, the probability with which it is applied, its magnitude 0 … 10. */
interface Step {
  name: string;
  probability: number;
  magnitude: number;
}

const ORIGINAL = `
PosterizeOriginal 0.4 8 | Rotate 0.6 9
Solarize 0.6 5          | AutoContrast 0.6 5
Equalize 0.8 8          | Equalize 0.6 3
PosterizeOriginal 0.6 7 | PosterizeOriginal 0.6 6
Equalize 0.4 7          | Solarize 0.2 4
Equalize 0.4 4          | Rotate 0.8 8
Solarize 0.6 3          | Equalize 0.6 7
PosterizeOriginal 0.8 5 | Equalize 1.0 2
Rotate 0.2 3            | Solarize 0.6 8
Equalize 0.6 8          | PosterizeOriginal 0.4 6
Rotate 0.8 8            | Color 0.4 0
Rotate 0.4 9            | Equalize 0.6 2
Equalize 0.0 7          | Equalize 0.8 8
Invert 0.6 4            | Equalize 1.0 8
Color 0.6 4             | Contrast 1.0 8
Rotate 0.8 8            | Color 1.0 2
Color 0.8 8             | Solarize 0.8 7
Sharpness 0.4 7         | Invert 0.6 8
ShearX 0.6 5            | Equalize 1.0 9
Color 0.4 0             | Equalize 0.6 3
Equalize 0.4 7          | Solarize 0.2 4
Solarize 0.6 5          | AutoContrast 0.6 5
Invert 0.6 4            | Equalize 1.0 8
Color 0.6 4             | Contrast 1.0 8
Equalize 0.8 8          | Equalize 0.6 3`;

const V0 = `
Equalize 0.8 1  | ShearY 0.8 4
Color 0.4 9     | Equalize 0.6 3
Color 0.4 1     | Rotate 0.6 8
Solarize 0.8 3  | Equalize 0.4 7
Solarize 0.4 2  | Solarize 0.6 2
Color 0.2 0     | Equalize 0.8 8
Equalize 0.4 8  | SolarizeAdd 0.8 3
ShearX 0.2 9    | Rotate 0.6 8
Color 0.6 1     | Equalize 1.0 2
Invert 0.4 9    | Rotate 0.6 0
Equalize 1.0 9  | ShearY 0.6 3
Color 0.4 7     | Equalize 0.6 0
Posterize 0.4 6 | AutoContrast 0.4 7
Solarize 0.6 8  | Color 0.6 9
Solarize 0.2 4  | Rotate 0.8 9
Rotate 1.0 7    | TranslateYRel 0.8 9
ShearX 0.0 0    | Solarize 0.8 4
ShearY 0.8 0    | Color 0.6 4
Color 1.0 0     | Rotate 0.6 2
Equalize 0.8 4  | Equalize 0.0 8
Equalize 1.0 4  | AutoContrast 0.6 2
ShearY 0.4 7    | SolarizeAdd 0.6 7
Posterize 0.8 2 | Solarize 0.6 10
Solarize 0.6 8  | Equalize 0.6 1
Color 0.8 6     | Rotate 0.4 5`;

function step(text: string): Step {
  const [name = "", probability, magnitude] = text.trim().split(/\s+/);
  return { name, probability: Number(probability), magnitude: Number(magnitude) };
}

function policy(table: string): Step[][] {
  return table
    .trim()
    .split("\n")
    .map((pair) => pair.split("|").map(step));
}

/** The `r` policies posterize as Google's research code does: the higher the magnitude, the fewer bits. */
const POLICIES = {
  original: policy(ORIGINAL),
  originalr: policy(ORIGINAL.replaceAll("PosterizeOriginal", "PosterizeIncreasing")),
  v0: policy(V0),
  v0r: policy(V0.replaceAll("Posterize", "PosterizeIncreasing")),
};

export type PolicyName = keyof typeof POLICIES;

export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[];

/** The operations that one sample gets, none to two. `deviation` of the magnitude, 0 = exactly the policy's. */
export function drawAutoAugment(chance: Chance, name: PolicyName, deviation: number): AugmentOperation[] {
  const pairs = POLICIES[name];
  const pair = pairs[chance.integer(pairs.length)];
  const operations: AugmentOperation[] = [];
  for (const { name: operation, probability, magnitude } of pair) {
    if (probability < 1 && chance.uniform() >= probability) continue;
    operations.push(drawOperation(chance, operation, { magnitude, deviation }));
  }
  return operations;
}
