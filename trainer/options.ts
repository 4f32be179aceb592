// Options: the flag of every setting, so that the command line, the printed configuration and the check of a resumed
// run all read one table.

import { VitrineError } from "../runtime/errors.js";
import { defaultSettings, type TrainerSettings } from "./settings.js";

export type OptionValue = string | number | boolean | [number, number];

export type OptionKind =
  | { type: "number"; min?: number; max?: number; whole?: boolean }
  | { type: "text" }
  /** A path stays what it means when the run is resumed from another folder. */
  | { type: "path" }
  | { type: "choice"; choices: readonly string[] }
  /** Two numbers with a comma between. */
  | { type: "pair" }
  /** No value: the flag alone sets `sets`. `alias`: another flag shows the setting. */
  | { type: "switch"; sets: OptionValue; alias?: true };

export interface TrainerOption {
  /** `--lr`. */
  flag: string;
  kind: OptionKind;
  help: string;
  /** A resumed run may be given it anew, for it changes no bit. */
  free?: true;
  get(settings: TrainerSettings): unknown;
  set(settings: TrainerSettings, value: OptionValue): TrainerSettings;
}

/** `--aa none`: no operations. */
const NO_AUGMENT = "none";

type Recipe = TrainerSettings["recipe"];

function setting(flag: string, key: keyof TrainerSettings, kind: OptionKind, help: string): TrainerOption {
  return {
    flag,
    kind,
    help,
    get: (settings) => settings[key],
    set: (settings, value) => ({ ...settings, [key]: value }),
  };
}

function augmentation(flag: string, key: keyof Recipe, kind: OptionKind, help: string): TrainerOption {
  return {
    flag,
    kind,
    help,
    get: ({ recipe }) => recipe[key],
    set: (settings, value) => ({ ...settings, recipe: { ...settings.recipe, [key]: value } }),
  };
}

const count = (min: number): OptionKind => ({ type: "number", whole: true, min });
const share: OptionKind = { type: "number", min: 0, max: 1 };
const positive: OptionKind = { type: "number", min: 0 };
const choice = (...choices: string[]): OptionKind => ({ type: "choice", choices });

export const TRAINER_OPTIONS: readonly TrainerOption[] = [
  setting("--model", "model", { type: "text" }, "published name, config.json or model folder: the sizes"),
  setting("--init", "init", { type: "path" }, "model folder or .safetensors file to start from"),
  setting("--teacher", "teacher", { type: "path" }, "model folder or .safetensors file to learn from"),
  setting(
    "--distillation",
    "distillation",
    choice("none", "hard", "soft"),
    "what is learned from the teacher",
  ),
  setting("--alpha", "alpha", share, "share of the distillation term (0.5)"),
  setting("--tau", "tau", { type: "number", min: 1e-6 }, "temperature of soft distillation (1)"),
  setting("--epochs", "epochs", count(1), "length of the run in epochs (300)"),
  setting("--steps", "steps", count(1), "length of the run in steps, instead of epochs"),
  setting("--batch-size", "batchSize", count(1), "images in a step (64)"),
  setting(
    "--accumulate",
    "accumulate",
    count(1),
    "pieces that a step's images are computed in, for less memory (1)",
  ),
  {
    ...setting(
      "--recompute",
      "recompute",
      { type: "switch", sets: true },
      "compute the blocks again in the backward pass instead of keeping them: less memory, the same bits",
    ),
    free: true,
  },
  setting("--lr", "lr", positive, "peak learning rate for a batch of 512 (5e-4)"),
  setting(
    "--lr-scaling",
    "lrScaling",
    choice("linear", "sqrt", "none"),
    "with batch/512; linear, or sqrt with --steps",
  ),
  setting(
    "--unscale-lr",
    "lrScaling",
    { type: "switch", sets: "none", alias: true },
    "the same as --lr-scaling none",
  ),
  setting("--min-lr", "minLr", positive, "learning rate at the end (1e-5)"),
  setting("--warmup-lr", "warmupLr", positive, "learning rate at the start of the warm-up (1e-6)"),
  setting("--warmup-epochs", "warmupEpochs", positive, "epochs of warm-up (5; with --steps 1/60 of the run)"),
  setting("--weight-decay", "weightDecay", positive, "decoupled weight decay (0.05)"),
  setting("--clip-grad", "clipGrad", positive, "largest L2 norm of the gradient, 0 = no clipping (0)"),
  setting("--smoothing", "smoothing", share, "label smoothing (0.1; with --init and --steps 0)"),
  setting(
    "--drop-path",
    "dropPath",
    { type: "number", min: 0, max: 0.99 },
    "stochastic depth (0.1; with --init 0)",
  ),
  setting("--ema-decay", "emaDecay", share, "decay of the weights' average (0.99996)"),
  setting("--no-ema", "ema", { type: "switch", sets: false }, "keep no average of the weights"),
  setting("--seed", "seed", count(0), "key of every draw (0)"),
  {
    flag: "--aa",
    kind: { type: "text" },
    help: "rand-…, original, originalr, v0, v0r, 3a or none (rand-m9-mstd0.5-inc1; with --init and --steps none)",
    get: ({ recipe }) => recipe.autoAugment ?? NO_AUGMENT,
    set: (settings, value) => ({
      ...settings,
      recipe: { ...settings.recipe, autoAugment: value === NO_AUGMENT ? null : String(value) },
    }),
  },
  augmentation(
    "--color-jitter",
    "colorJitter",
    positive,
    "share by which brightness, contrast and color vary, with --aa none and 3a (0.3; with --init and --steps 0)",
  ),
  augmentation(
    "--train-interpolation",
    "interpolation",
    choice("bicubic", "bilinear", "random"),
    "how crops, rotations and shears are resampled (bicubic)",
  ),
  augmentation("--repeats", "repeats", count(1), "how often an image stands in a row (1)"),
  augmentation(
    "--repeated-aug",
    "repeats",
    { type: "switch", sets: 3, alias: true },
    "the same as --repeats 3: main.py's on several GPUs",
  ),
  augmentation("--mixup", "mixup", positive, "Beta parameter of Mixup, 0 = off (0.8)"),
  augmentation("--cutmix", "cutmix", positive, "Beta parameter of CutMix, 0 = off (1)"),
  augmentation(
    "--cutmix-minmax",
    "cutmixMinmax",
    { type: "pair" },
    "bounds of a box's sides as shares LOW,HIGH",
  ),
  augmentation("--mixup-prob", "mixProbability", share, "probability that a batch is mixed (1)"),
  augmentation(
    "--mixup-switch-prob",
    "mixSwitchProbability",
    share,
    "probability of CutMix where both are on (0.5)",
  ),
  augmentation("--mixup-mode", "mixMode", choice("batch", "pair", "elem"), "what shares one draw (batch)"),
  augmentation("--scale", "scale", { type: "pair" }, "bounds of the crop's share of the area (0.08,1)"),
  augmentation("--ratio", "ratio", { type: "pair" }, "bounds of the crop's width/height (0.75,1.3333)"),
  augmentation("--hflip", "flip", share, "probability of a horizontal flip (0.5)"),
  augmentation("--reprob", "eraseProbability", share, "probability of random erasing (0.25)"),
  augmentation(
    "--remode",
    "eraseMode",
    choice("pixel", "random", "const"),
    "what fills an erased box (pixel)",
  ),
  augmentation("--recount", "eraseCount", count(1), "most erased boxes in an image (1)"),
];

/** Flag → value, for the flags that were really given. */
export type GivenOptions = ReadonlyMap<string, OptionValue>;

function apply(settings: TrainerSettings, given: GivenOptions): TrainerSettings {
  return TRAINER_OPTIONS.reduce((result, option) => {
    const value = given.get(option.flag);
    return value === undefined ? result : option.set(result, value);
  }, settings);
}

/** A checkpoint's settings with the given flags that may change in the middle of a run. */
export function resumedSettings(settings: TrainerSettings, given: GivenOptions): TrainerSettings {
  const free = TRAINER_OPTIONS.filter((option) => option.free).map(({ flag }) => flag);
  return apply(settings, new Map([...given].filter(([flag]) => free.includes(flag))));
}

/** Given flags over main.py's defaults. Contradictions are `checkSettings`'s to refuse. */
export function settingsFrom(given: GivenOptions): TrainerSettings {
  const kind = { steps: given.has("--steps"), init: given.has("--init") };
  return apply(defaultSettings(kind), given);
}

function show(value: unknown): string {
  return value === null ? "nothing" : Array.isArray(value) ? value.join(",") : String(value);
}

/**
 * A resumed run takes its settings from the checkpoint. Throws `usage/resume` for a flag that says something else,
 * since the run would then be neither the old nor a new one.
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
      `${flag} says ${show(wanted)}, but the run was begun with ${show(stored)}: leave ${flag} out, or begin a new ` +
        "run under another --out",
      { details: { flag } },
    );
  }
}
