// Augmentation options: the flags of the data server's recipe, as rows of the table of flags.

import {
  choice,
  count,
  fraction,
  type OptionKind,
  type OptionValue,
  pair,
  positive,
  shorthand,
  type TrainerOption,
  turnsOn,
  type UngroupedOption,
} from "./option-kinds.js";
import { DEIT_SETTINGS, type TrainerSettings } from "./settings.js";

/** `--aa none`: no operations. */
const NO_AUGMENT = "none";

type Recipe = TrainerSettings["recipe"];

/** A setting of the data server's recipe. */
function augmentation(flag: string, key: keyof Recipe, kind: OptionKind, help: string): UngroupedOption {
  return {
    flag,
    kind,
    help,
    get: ({ recipe }) => recipe[key],
    set: (settings, value) => ({ ...settings, recipe: { ...settings.recipe, [key]: value } }),
  };
}

const AUTO_AUGMENT: UngroupedOption = {
  flag: "--aa",
  kind: { type: "text" },
  help: "AutoAugment policy: rand-…, original, originalr, v0, v0r, 3a or none (rand-m9-mstd0.5-inc1)",
  get: ({ recipe }) => recipe.autoAugment ?? NO_AUGMENT,
  set: (settings, value) => ({
    ...settings,
    recipe: { ...settings.recipe, autoAugment: value === NO_AUGMENT ? null : String(value) },
  }),
};

/** The whole image's center, and nothing else. */
const PLAIN: Partial<Recipe> = {
  simpleCrop: false,
  scale: [1, 1],
  ratio: [1, 1],
  flip: 0,
  autoAugment: null,
  colorJitter: 0,
  eraseProbability: 0,
  mixup: 0,
  cutmix: 0,
  cutmixMinmax: null,
  repeats: 1,
};

const NO_AUG: UngroupedOption = {
  flag: "--no-aug",
  kind: { type: "switch", sets: true, alias: true },
  help: "no augmentation: the center crop alone; the flags below add to it",
  get: ({ recipe }) =>
    Object.entries(PLAIN).every(([key, value]) => `${recipe[key as keyof Recipe]}` === `${value}`),
  set: (settings) => ({ ...settings, recipe: { ...settings.recipe, ...PLAIN } }),
};

const THREE_AUGMENT: UngroupedOption = {
  flag: "--ThreeAugment",
  kind: { type: "switch", sets: true, alias: true },
  help: "same as --aa 3a --reprob 0",
  get: ({ recipe }) => recipe.autoAugment === "3a" && recipe.eraseProbability === 0,
  set: (settings) => ({
    ...settings,
    recipe: { ...settings.recipe, autoAugment: "3a", eraseProbability: 0 },
  }),
};

/** The default of a recipe without repeated augmentation. */
const ONCE = "repeated augmentation: consecutive samples of each image (1)";

export const AUGMENTATION_GROUPS: Readonly<Record<string, readonly UngroupedOption[]>> = {
  Augmentation: [
    NO_AUG,
    AUTO_AUGMENT,
    THREE_AUGMENT,
    augmentation(
      "--color-jitter",
      "colorJitter",
      positive,
      "strength of the color jitter, with --aa none and 3a (0.3)",
    ),
    augmentation(
      "--train-interpolation",
      "interpolation",
      choice("bicubic", "bilinear", "random"),
      "interpolation of crops, rotations and shears (bicubic)",
    ),
    augmentation(
      "--repeats",
      "repeats",
      count(1),
      "repeated augmentation: consecutive samples of each image (3)",
    ),
    augmentation(
      "--shuffle-window",
      "shuffleWindow",
      count(0),
      "shuffle among windows of this many images, for shards behind a network; 0 = all (0)",
    ),
    augmentation("--repeated-aug", "repeats", shorthand(3), "same as --repeats 3"),
    augmentation("--no-repeated-aug", "repeats", shorthand(1), "same as --repeats 1"),
    augmentation(
      "--src",
      "simpleCrop",
      turnsOn,
      "DeiT III's simple random crop: resized, shifted by 4 pixels, in place of --scale and --ratio",
    ),
    augmentation("--scale", "scale", pair, "random resized crop: range of the area as a fraction (0.08,1)"),
    augmentation("--ratio", "ratio", pair, "random resized crop: range of the aspect ratio (0.75,1.3333)"),
    augmentation("--hflip", "flip", fraction, "probability of a horizontal flip (0.5)"),
    augmentation("--reprob", "eraseProbability", fraction, "random erasing probability (0.25)"),
    augmentation("--remode", "eraseMode", choice("pixel", "random", "const"), "random erasing mode (pixel)"),
    augmentation(
      "--recount",
      "eraseCount",
      count(1),
      "random erasing: maximum number of boxes per image (1)",
    ),
  ],
  "Mixup and CutMix": [
    augmentation("--mixup", "mixup", positive, "Mixup alpha, 0 = off (0.8)"),
    augmentation("--cutmix", "cutmix", positive, "CutMix alpha, 0 = off (1)"),
    augmentation(
      "--cutmix-minmax",
      "cutmixMinmax",
      pair,
      "CutMix: range of the box's sides, instead of alpha",
    ),
    augmentation("--mixup-prob", "mixProbability", fraction, "probability of Mixup or CutMix per batch (1)"),
    augmentation(
      "--mixup-switch-prob",
      "mixSwitchProbability",
      fraction,
      "probability of CutMix when both are on (0.5)",
    ),
    augmentation(
      "--mixup-mode",
      "mixMode",
      choice("batch", "pair", "elem"),
      "apply Mixup/CutMix per batch, pair or element (batch)",
    ),
    augmentation(
      "--mixup-off-epoch",
      "mixOffEpoch",
      count(0),
      "mix nothing from this epoch on, counted from 0; 0 = never (0)",
    ),
  ],
};

/** The same rows for commands that show batches, whose images are not repeated by default. */
export const AUGMENTATION_OPTIONS: readonly TrainerOption[] = Object.entries(AUGMENTATION_GROUPS).flatMap(
  ([group, options]) =>
    options.map((option) => ({ ...option, group, ...(option.flag === "--repeats" && { help: ONCE }) })),
);

/** Flags of which images an epoch has, and in which order. */
const ORDER_FLAGS = ["--repeats", "--repeated-aug", "--no-repeated-aug", "--shuffle-window"];

/** The rows of a single sample, for commands that show what becomes of one image. */
export const SAMPLE_OPTIONS = AUGMENTATION_OPTIONS.filter(
  ({ group, flag }) => group === "Augmentation" && !ORDER_FLAGS.includes(flag),
);

/** `base` with the values of flags in place of its own. */
export function recipeFrom(base: Recipe, given: ReadonlyMap<string, OptionValue>): Recipe {
  const settings: TrainerSettings = { ...DEIT_SETTINGS, recipe: base };
  return AUGMENTATION_OPTIONS.reduce((changed, { flag, set }) => {
    const value = given.get(flag);
    return value === undefined ? changed : set(changed, value);
  }, settings).recipe;
}
