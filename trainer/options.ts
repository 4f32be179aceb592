// Options: the flag of every setting. The command line, its help, the printed settings and the check of a resumed run
// all read this table.

import { quote, VitrineError } from "../runtime/errors.js";
import { defaultSettings, type TrainerSettings } from "./settings.js";

export type OptionValue = string | number | boolean | [number, number];

export type OptionKind =
  | { type: "number"; min?: number; max?: number; whole?: boolean }
  | { type: "text" }
  /** Made absolute, so that it keeps its meaning when the run is resumed from another folder. */
  | { type: "path" }
  | { type: "choice"; choices: readonly string[] }
  /** Two numbers, LOW,HIGH. */
  | { type: "pair" }
  /** No value: the flag alone sets `sets`. `alias`: another flag prints the setting. */
  | { type: "switch"; sets: OptionValue; alias?: true };

export interface TrainerOption {
  /** `--lr`. */
  flag: string;
  /** Heading in the help and in the printed settings. */
  group: string;
  kind: OptionKind;
  /** Ends with the default in parentheses. */
  help: string;
  /** Allowed with --resume, since it changes no bit. */
  free?: true;
  get(settings: TrainerSettings): unknown;
  set(settings: TrainerSettings, value: OptionValue): TrainerSettings;
}

type UngroupedOption = Omit<TrainerOption, "group">;

/** `--aa none`: no operations. */
const NO_AUGMENT = "none";

type Recipe = TrainerSettings["recipe"];

function setting(flag: string, key: keyof TrainerSettings, kind: OptionKind, help: string): UngroupedOption {
  return {
    flag,
    kind,
    help,
    get: (settings) => settings[key],
    set: (settings, value) => ({ ...settings, [key]: value }),
  };
}

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
  help:
    "AutoAugment policy: rand-…, original, originalr, v0, v0r, 3a or none (rand-m9-mstd0.5-inc1, or none with " +
    "--init and --steps)",
  get: ({ recipe }) => recipe.autoAugment ?? NO_AUGMENT,
  set: (settings, value) => ({
    ...settings,
    recipe: { ...settings.recipe, autoAugment: value === NO_AUGMENT ? null : String(value) },
  }),
};

const text: OptionKind = { type: "text" };
const path: OptionKind = { type: "path" };
const pair: OptionKind = { type: "pair" };
const count = (min: number): OptionKind => ({ type: "number", whole: true, min });
const fraction: OptionKind = { type: "number", min: 0, max: 1 };
const positive: OptionKind = { type: "number", min: 0 };
const belowOne: OptionKind = { type: "number", min: 0, max: 0.99 };
const choice = (...choices: string[]): OptionKind => ({ type: "choice", choices });
const turnsOn: OptionKind = { type: "switch", sets: true };
const turnsOff: OptionKind = { type: "switch", sets: false };
const shorthand = (sets: OptionValue): OptionKind => ({ type: "switch", sets, alias: true });

const GROUPS: Readonly<Record<string, readonly UngroupedOption[]>> = {
  Model: [
    setting("--model", "model", text, "architecture: a published name, config.json or model folder"),
    setting(
      "--init",
      "init",
      path,
      "model folder or .safetensors file to start from (--finetune in main.py)",
    ),
    setting(
      "--keep-head",
      "keepHead",
      turnsOn,
      "keep the rows of --init's head by index, whatever their names",
    ),
    {
      ...setting(
        "--classes-by",
        "classesBy",
        choice("name", "index"),
        "how the classes of --val find the model's (name)",
      ),
      free: true,
    },
  ],
  Distillation: [
    setting("--teacher", "teacher", path, "model folder or .safetensors file of the teacher"),
    setting("--distillation", "distillation", choice("none", "hard", "soft"), "distillation loss (none)"),
    setting("--alpha", "alpha", fraction, "weight of the distillation loss (0.5)"),
    setting("--tau", "tau", { type: "number", min: 1e-6 }, "temperature of soft distillation (1)"),
  ],
  "Length and batches": [
    setting("--epochs", "epochs", count(1), "length of the run in epochs (300)"),
    setting("--steps", "steps", count(1), "length of the run in steps, instead of epochs"),
    setting("--batch-size", "batchSize", count(1), "images per step (64)"),
    setting("--accumulate", "accumulate", count(1), "micro-batches per step, to save memory (1)"),
    {
      ...setting("--recompute", "recompute", turnsOn, "activation checkpointing: less memory, same bits"),
      free: true,
    },
    setting("--seed", "seed", count(0), "random seed (0)"),
  ],
  "Learning rate": [
    setting("--lr", "lr", positive, "peak learning rate for a batch of 512 (5e-4)"),
    setting(
      "--lr-scaling",
      "lrScaling",
      choice("linear", "sqrt", "none"),
      "scaling of --lr with batch size / 512 (linear, or sqrt with --steps)",
    ),
    setting("--unscale-lr", "lrScaling", shorthand("none"), "same as --lr-scaling none"),
    setting("--min-lr", "minLr", positive, "final learning rate (1e-5)"),
    setting("--warmup-lr", "warmupLr", positive, "learning rate at the start of the warm-up (1e-6)"),
    setting(
      "--warmup-epochs",
      "warmupEpochs",
      positive,
      "warm-up in epochs (5, or 1/60 of the run with --steps)",
    ),
  ],
  "Optimizer and regularization": [
    setting("--weight-decay", "weightDecay", positive, "decoupled weight decay of AdamW (0.05)"),
    setting("--clip-grad", "clipGrad", positive, "gradient norm to clip at, 0 = no clipping (0)"),
    setting("--smoothing", "smoothing", fraction, "label smoothing (0.1, or 0 with --init and --steps)"),
    setting("--drop-path", "dropPath", belowOne, "stochastic depth rate (0.1, or 0 with --init)"),
    setting(
      "--ema-decay",
      "emaDecay",
      fraction,
      "decay of the weights' exponential moving average (0.99996)",
    ),
    setting("--no-ema", "ema", turnsOff, "keep no moving average of the weights"),
  ],
  Augmentation: [
    AUTO_AUGMENT,
    augmentation(
      "--color-jitter",
      "colorJitter",
      positive,
      "strength of the color jitter, with --aa none and 3a (0.3, or 0 with --init and --steps)",
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
      "repeated augmentation: consecutive samples of each image (1)",
    ),
    augmentation(
      "--repeated-aug",
      "repeats",
      shorthand(3),
      "same as --repeats 3, main.py's value on several GPUs",
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
  ],
};

export const TRAINER_OPTIONS: readonly TrainerOption[] = Object.entries(GROUPS).flatMap(([group, options]) =>
  options.map((option) => ({ ...option, group })),
);

/** Flag → value, for the flags on the command line. */
export type GivenOptions = ReadonlyMap<string, OptionValue>;

function apply(settings: TrainerSettings, given: GivenOptions): TrainerSettings {
  return TRAINER_OPTIONS.reduce((result, option) => {
    const value = given.get(option.flag);
    return value === undefined ? result : option.set(result, value);
  }, settings);
}

/** A checkpoint's settings with those given flags that may change within a run. */
export function resumedSettings(settings: TrainerSettings, given: GivenOptions): TrainerSettings {
  const free = TRAINER_OPTIONS.filter((option) => option.free).map(({ flag }) => flag);
  return apply(settings, new Map([...given].filter(([flag]) => free.includes(flag))));
}

/** Given flags over the defaults. `checkSettings` refuses contradictions. */
export function settingsFrom(given: GivenOptions): TrainerSettings {
  const kind = { steps: given.has("--steps"), init: given.has("--init") };
  return apply(defaultSettings(kind), given);
}

function show(value: unknown): string {
  return value === null ? "no value" : Array.isArray(value) ? value.join(",") : quote(String(value));
}

/**
 * A resumed run takes its settings from the checkpoint. Throws `usage/resume` for a flag that contradicts them, since
 * the run would then be neither the old nor a new one.
 */
export function checkGiven(given: GivenOptions, settings: TrainerSettings): void {
  for (const { flag, kind, get, free } of TRAINER_OPTIONS) {
    const value = given.get(flag);
    if (value === undefined || free) continue;
    const wanted = kind.type === "switch" ? kind.sets : value;
    const stored = get(settings);
    if (JSON.stringify(wanted) === JSON.stringify(stored)) continue;
    throw new VitrineError(
      "usage/resume",
      `${flag} is ${show(wanted)}, but the run was started with ${show(stored)}: leave ${flag} out, or start a new ` +
        "run under another --out",
      { details: { flag } },
    );
  }
}
