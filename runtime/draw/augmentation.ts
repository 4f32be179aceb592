// Augmentation: which operations are done to a sample, by whatever scheme the recipe names.

import { VitrineError } from "../errors.js";
import { drawAutoAugment, POLICY_NAMES, type PolicyName } from "./auto-augment.js";
import { drawColorJitter } from "./color-jitter.js";
import type { Chance } from "./counter.js";
import type { AugmentOperation } from "./draw.js";
import { drawRandAugment, parseRandAugment, type RandAugmentSpec } from "./rand-augment.js";
import { drawThreeAugment } from "./three-augment.js";

/** timm's `auto_augment` string, read. */
export type Augmentation =
  | { scheme: "rand"; spec: RandAugmentSpec }
  /** `deviation` of the strength, 0 = as the policy says. */
  | { scheme: "policy"; policy: PolicyName; deviation: number }
  | { scheme: "three" };

/** DeiT III's, under the name that later versions of timm give it. */
const THREE_AUGMENT = "3a";

function refuse(text: string, section: string, allowed: string): never {
  throw new VitrineError(
    "usage/bad-option",
    `augmentation "${text}": "${section}" is not understood; allowed: ${allowed} (--aa)`,
    { details: { text, section } },
  );
}

/**
 * `rand-…` (see rand-augment.ts), `original`, `originalr`, `v0`, `v0r`, each with `-mstd` and a number where the
 * strength is to vary, or `3a`. As in timm, a section without a digit is ignored and the first `mstd` counts.
 * Throws `usage/bad-option`.
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

/** Strings are read once: a recipe lives for a whole run. */
const read = new Map<string, Augmentation>();

function augmentationOf(text: string): Augmentation {
  const known = read.get(text);
  if (known !== undefined) return known;
  const parsed = parseAugmentation(text);
  read.set(text, parsed);
  return parsed;
}

/**
 * The operations that one sample gets, in order. Color jitter stands in for RandAugment and AutoAugment where they
 * are off, as in timm; behind three-augment it stands as well, as in DeiT III. Throws `usage/bad-option`.
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
