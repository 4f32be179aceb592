// Augmentation: the operations that a sample gets, by the scheme that the recipe names. RandAugment and AutoAugment
// have modules of their own; color jitter and three-augment are here.

import { VitrineError } from "../errors.js";
import { drawAutoAugment, POLICY_NAMES, type PolicyName } from "./auto-augment.js";
import type { AugmentOperation } from "./draw.js";
import { drawRandAugment, parseRandAugment, type RandAugmentSpec } from "./rand-augment.js";
import type { Chance } from "./random.js";

/** timm's `auto_augment` string, parsed. */
export type Augmentation =
  | { scheme: "rand"; spec: RandAugmentSpec }
  /** `deviation` of the magnitude, 0 = exactly the policy's. */
  | { scheme: "policy"; policy: PolicyName; deviation: number }
  | { scheme: "three" };

/** DeiT III's augmentation, by the name that later versions of timm use. */
const THREE_AUGMENT = "3a";

function refuse(text: string, section: string, allowed: string): never {
  throw new VitrineError(
    "usage/bad-option",
    `augmentation "${text}": "${section}" is not understood; allowed: ${allowed} (--aa)`,
    { details: { text, section } },
  );
}

/**
 * `rand-…` (see rand-augment.ts), `original`, `originalr`, `v0`, `v0r`, each with `-mstd<number>` if the magnitude is
 * to vary, or `3a`. As in timm, a section without a digit is ignored and the first `mstd` counts. Throws
 * `usage/bad-option`.
 */
export function parseAugmentation(text: string): Augmentation {
  const [head = "", ...sections] = text.split("-");
  if (head === "rand") return { scheme: "rand", spec: parseRandAugment(text) };
  if (text === THREE_AUGMENT) return { scheme: "three" };
  const policy = POLICY_NAMES.find((name) => name === head);
  if (policy === undefined) refuse(text, head, `rand-…, ${POLICY_NAMES.join(", ")}, ${THREE_AUGMENT}, none`);
  const deviations = sections
    .filter((section) => /\d/.test(section))
    .map((section) => {
      const number = /^mstd(\d+(?:\.\d*)?(?:e[+-]?\d+)?)$/i.exec(section)?.[1];
      return number === undefined ? refuse(text, section, "mstd<number>") : Number(number);
    });
  return { scheme: "policy", policy, deviation: deviations[0] ?? 0 };
}

/** Parsed strings: a recipe lives for a whole run. */
const parsedStrings = new Map<string, Augmentation>();

function augmentationOf(text: string): Augmentation {
  const known = parsedStrings.get(text);
  if (known !== undefined) return known;
  const parsed = parseAugmentation(text);
  parsedStrings.set(text, parsed);
  return parsed;
}

/**
 * Color jitter: brightness, contrast and color by factors U(max(0, 1 − strength), 1 + strength), in any order with
 * equal probability; none at strength 0. torchvision's ColorJitter with one strength for the three and no hue, as in
 * timm.
 */
export function drawColorJitter(chance: Chance, strength: number): AugmentOperation[] {
  if (strength === 0) return [];
  const operations = ["Brightness", "Contrast", "Color"].map((name) => ({
    name,
    argument: chance.between(Math.max(0, 1 - strength), 1 + strength),
  }));
  for (let left = operations.length; left > 1; left--) {
    const [taken] = operations.splice(chance.integer(left), 1);
    operations.push(taken);
  }
  return operations;
}

const SOLARIZE_THRESHOLD = 128;
const MIN_RADIUS = 0.1;
const LARGEST_RADIUS = 2;

/** Three-augment: gray, solarize or blur, one of them for every sample. DeiT III (arXiv 2204.07118), augment.py. */
export function drawThreeAugment(chance: Chance): AugmentOperation[] {
  const choice = chance.integer(3);
  if (choice === 0) return [{ name: "Grayscale", argument: 0 }];
  if (choice === 1) return [{ name: "Solarize", argument: SOLARIZE_THRESHOLD }];
  return [{ name: "GaussianBlur", argument: chance.between(MIN_RADIUS, LARGEST_RADIUS) }];
}

/**
 * The operations that one sample gets, in order. Color jitter takes the place of RandAugment and AutoAugment if they
 * are off, as in timm; it also follows three-augment, as in DeiT III. Throws `usage/bad-option`.
 */
export function drawAugmentation(
  chance: Chance,
  { autoAugment, colorJitter }: { autoAugment: string | null; colorJitter: number },
): AugmentOperation[] {
  if (autoAugment === null) return drawColorJitter(chance, colorJitter);
  const augmentation = augmentationOf(autoAugment);
  switch (augmentation.scheme) {
    case "rand":
      return drawRandAugment(chance, augmentation.spec);
    case "policy":
      return drawAutoAugment(chance, augmentation.policy, augmentation.deviation);
    case "three":
      return [...drawThreeAugment(chance), ...drawColorJitter(chance, colorJitter)];
  }
}
