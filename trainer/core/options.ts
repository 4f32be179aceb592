// Options: the flag of every setting. The command line, its help, the printed settings and the check of a resumed run
// all read this table.

import { quote, VitrineError } from "../../runtime/errors.js";
import { AUGMENTATION_GROUPS } from "./augmentation-options.js";
import {
  alias,
  belowOne,
  choice,
  count,
  fraction,
  free,
  type OptionValue,
  pair,
  path,
  positive,
  setting,
  shorthand,
  type TrainerOption,
  text,
  turnsOff,
  turnsOn,
  type UngroupedOption,
} from "./option-kinds.js";
import { defaultRecipe, RECIPE_NAMES, RECIPES } from "./recipes.js";
import type { RecipeName, TrainerSettings } from "./settings.js";

const LENGTH = { length: true } as const;
const EPOCHS: UngroupedOption = {
  ...setting(
    "--epochs",
    "epochs",
    { type: "number", whole: true, min: 1 },
    "length of the run in epochs (300)",
  ),
  ...LENGTH,
  set: (settings, value) => ({ ...settings, epochs: Number(value), steps: null }),
};
const STEPS: UngroupedOption = {
  ...setting(
    "--steps",
    "steps",
    { type: "number", whole: true, min: 1 },
    "length of the run in steps, instead of epochs",
  ),
  ...LENGTH,
  set: (settings, value) => ({ ...settings, steps: Number(value), epochs: null }),
};

const GROUPS: Readonly<Record<string, readonly UngroupedOption[]>> = {
  Recipe: [
    setting(
      "--recipe",
      "recipeName",
      choice(...RECIPE_NAMES),
      "defaults of everything below, which are shown for deit; docs/training.md has a table (deit, or finetune with --init)",
    ),
  ],
  Model: [
    setting("--model", "model", text, "architecture: a published name, config.json or model folder"),
    alias(
      "--finetune",
      setting("--init", "init", path, "model folder or file, hf:OWNER/NAME or timm:NAME, to start from"),
    ),
    setting("--input-size", "inputSize", count(1), "image size in pixels (the model's)"),
    setting(
      "--eval-crop-ratio",
      "evalCropRatio",
      { type: "number", min: 0.01, max: 1 },
      "center crop of validation, as a fraction (the model's)",
    ),
    setting(
      "--keep-head",
      "keepHead",
      turnsOn,
      "keep the rows of --init's head by index, whatever their names",
    ),
  ],
  Distillation: [
    alias(
      "--teacher-path",
      free(
        setting(
          "--teacher",
          "teacher",
          path,
          "model folder or file, hf:OWNER/NAME or timm:NAME, of the teacher, or grpc://HOST:PORT/MODEL of its server",
        ),
      ),
    ),
    setting(
      "--teacher-classes",
      "teacherClasses",
      choice("name", "index"),
      "how the student's classes find the teacher's (name)",
    ),
    alias(
      "--distillation-type",
      setting("--distillation", "distillation", choice("none", "hard", "soft"), "distillation loss (none)"),
    ),
    alias(
      "--distillation-alpha",
      setting("--alpha", "alpha", fraction, "weight of the distillation loss (0.5)"),
    ),
    alias(
      "--distillation-tau",
      setting("--tau", "tau", { type: "number", min: 1e-6 }, "temperature of soft distillation (1)"),
    ),
    setting(
      "--soft-scale",
      "softScale",
      choice("main", "paper"),
      "soft distillation's mean: over batch and classes, as in main.py, or over the batch (main)",
    ),
  ],
  "Length and batches": [
    EPOCHS,
    STEPS,
    setting("--batch-size", "batchSize", count(1), "images per step (64)"),
    alias(
      "--pieces",
      setting(
        "--accumulate",
        "accumulate",
        count(1),
        "micro-batches per step, to save memory, or for ranks to divide (1)",
      ),
    ),
    setting(
      "--sync-every",
      "syncEvery",
      count(1),
      "with several ranks: steps that each takes by itself before they average, for slow networks (1)",
    ),
    setting("--outer-lr", "outerLr", positive, "--sync-every: learning rate of the averaged step (0.7)"),
    setting("--outer-momentum", "outerMomentum", belowOne, "--sync-every: its Nesterov momentum (0.9)"),
    free(setting("--recompute", "recompute", turnsOn, "activation checkpointing: less memory, same bits")),
    setting("--seed", "seed", count(0), "random seed (0)"),
  ],
  "Learning rate": [
    setting("--lr", "lr", positive, "peak learning rate for a batch of 512 (5e-4)"),
    setting(
      "--lr-scaling",
      "lrScaling",
      choice("linear", "sqrt", "none"),
      "scaling of --lr with batch size / 512 (linear)",
    ),
    setting("--unscale-lr", "lrScaling", shorthand("none"), "same as --lr-scaling none"),
    setting(
      "--sched",
      "sched",
      choice("cosine", "constant", "step"),
      "learning rate after the warm-up (cosine)",
    ),
    setting("--min-lr", "minLr", positive, "final learning rate of --sched cosine (1e-5)"),
    setting("--warmup-lr", "warmupLr", positive, "learning rate at the start of the warm-up (1e-6)"),
    setting("--warmup-epochs", "warmupEpochs", positive, "warm-up in epochs (5)"),
    setting(
      "--decay-epochs",
      "decayEpochs",
      { type: "number", min: 1e-3 },
      "--sched step: epochs between decays (30)",
    ),
    setting("--decay-rate", "decayRate", fraction, "--sched step: factor of each decay (0.1)"),
    setting(
      "--cooldown-epochs",
      "cooldownEpochs",
      count(0),
      "--sched cosine: epochs at --min-lr after --epochs; main.py ignores it (0)",
    ),
    setting(
      "--lr-noise",
      "lrNoise",
      pair,
      "noise on the rate from one fraction of the run to another: 0.4,0.9",
    ),
    setting(
      "--lr-noise-pct",
      "lrNoisePct",
      { type: "number", min: 1e-3, max: 1 },
      "--lr-noise: largest change, as a fraction of the rate (0.67)",
    ),
    setting(
      "--lr-noise-std",
      "lrNoiseStd",
      { type: "number", min: 0, max: 10 },
      "--lr-noise: standard deviation before that limit (1)",
    ),
  ],
  "Optimizer and regularization": [
    setting("--opt", "opt", choice("adamw", "sgd", "lamb"), "optimizer (adamw)"),
    setting("--weight-decay", "weightDecay", positive, "weight decay, of AdamW decoupled (0.05)"),
    setting("--opt-eps", "optEps", { type: "number", min: 1e-30 }, "epsilon of AdamW and LAMB (1e-8)"),
    setting("--opt-betas", "optBetas", pair, "betas of AdamW and LAMB (0.9,0.999)"),
    setting("--momentum", "momentum", belowOne, "Nesterov momentum of SGD (0.9)"),
    setting(
      "--layer-decay",
      "layerDecay",
      { type: "number", min: 1e-3, max: 1 },
      "factor on the rate from each block to the one before it, 1 = none (1)",
    ),
    setting("--bce-loss", "bceLoss", turnsOn, "binary cross-entropy of every class, DeiT III's loss"),
    setting("--cosub", "cosub", turnsOn, "submodel co-training: each image twice, each other's teacher"),
    setting(
      "--freeze",
      "freeze",
      { type: "text", shown: "n|patterns" },
      'keep as they are: the first N blocks and what precedes them, "backbone" (all but the heads), or what patterns match, as "blocks.0.*,pos_embed"',
    ),
    setting("--attn-only", "attnOnly", turnsOn, "train attention, positions and heads alone"),
    setting("--clip-grad", "clipGrad", positive, "gradient norm to clip at, 0 = no clipping (0)"),
    setting("--smoothing", "smoothing", fraction, "label smoothing (0.1)"),
    setting("--drop-path", "dropPath", belowOne, "stochastic depth rate (0.1)"),
    setting("--no-train-mode", "dropPath", shorthand(0), "same as --drop-path 0"),
    alias("--model-ema", setting("--ema", "ema", turnsOn, "keep a moving average of the weights (on)")),
    alias("--no-model-ema", setting("--no-ema", "ema", turnsOff, "keep no moving average of the weights")),
    alias(
      "--model-ema-decay",
      setting("--ema-decay", "emaDecay", fraction, "decay of the moving average (0.99996)"),
    ),
    alias(
      "--model-ema-warmup",
      setting(
        "--ema-warmup",
        "emaWarmup",
        turnsOn,
        "average fewer steps at first (in runs shorter than 1/(1 - decay) steps)",
      ),
    ),
    setting("--no-ema-warmup", "emaWarmup", turnsOff, "the same decay from the first step on"),
  ],
  ...AUGMENTATION_GROUPS,
  "Validation and logs": [
    free(
      setting(
        "--classes-by",
        "classesBy",
        choice("name", "index"),
        "how the classes of --val find the model's (name)",
      ),
    ),
    free(setting("--val-interval", "valInterval", count(1), "epochs between validations (1)")),
    free(
      setting(
        "--eval-metric",
        "evalMetric",
        choice("top1", "loss"),
        "score that decides which epoch is the best (top1)",
      ),
    ),
    free(
      setting(
        "--patience",
        "patience",
        count(0),
        "end after this many validations without a better score, 0 = never (0)",
      ),
    ),
    free(setting("--log-interval", "logInterval", count(1), "steps between rows of metrics.csv (1)")),
  ],
};

export const TRAINER_OPTIONS: readonly TrainerOption[] = Object.entries(GROUPS).flatMap(([group, options]) =>
  options.map((option) => ({ ...option, group })),
);

/** Flag → value, for the flags on the command line, or the keys of a configuration file. */
export type GivenOptions = ReadonlyMap<string, OptionValue>;

function apply(settings: TrainerSettings, given: GivenOptions): TrainerSettings {
  return TRAINER_OPTIONS.reduce((result, option) => {
    const value = given.get(option.flag);
    return value === undefined ? result : option.set(result, value);
  }, settings);
}

/**
 * A checkpoint's settings with those given flags that may change within a run, a greater length included. Throws
 * `usage/resume` for a shorter length, or one in the other unit.
 */
export function resumedSettings(settings: TrainerSettings, given: GivenOptions): TrainerSettings {
  const may = TRAINER_OPTIONS.filter((option) => option.free || option.length).map(({ flag }) => flag);
  const changed = apply(settings, new Map([...given].filter(([flag]) => may.includes(flag))));
  for (const [flag, key] of [
    ["--epochs", "epochs"],
    ["--steps", "steps"],
  ] as const) {
    const [before, after] = [settings[key], changed[key]];
    if (after === null || (before !== null && after >= before)) continue;
    throw new VitrineError(
      "usage/resume",
      before === null
        ? `${flag} is ${after}, but the length of this run is ${lengthOf(settings)}: use that flag to make it longer`
        : `${flag} is ${after}, but the run was started with ${before}: a run can be made longer, not shorter`,
      { details: { flag } },
    );
  }
  return changed;
}

const lengthOf = ({ epochs, steps }: TrainerSettings): string =>
  steps === null ? `--epochs ${epochs}` : `--steps ${steps}`;

/**
 * The recipe's settings, changed by a configuration file and then by flags. `checkSettings` refuses contradictions.
 * Throws `usage/training` where one source gives a length in both units.
 */
export function settingsFrom(flags: GivenOptions, file: GivenOptions = new Map()): TrainerSettings {
  for (const given of [file, flags])
    if (given.has("--epochs") && given.has("--steps"))
      throw new VitrineError(
        "usage/training",
        "the length of a run is in epochs or in steps: give one of --epochs and --steps",
      );
  const named = flags.get("--recipe") ?? file.get("--recipe");
  const name = named ?? defaultRecipe(flags.has("--init") || file.has("--init"));
  return apply(apply(RECIPES[name as RecipeName].settings, file), flags);
}

function show(value: unknown): string {
  return value === null ? "no value" : Array.isArray(value) ? value.join(",") : quote(String(value));
}

/**
 * A resumed run takes its settings from the checkpoint. Throws `usage/resume` for a flag that contradicts them, since
 * the run would then be neither the old nor a new one.
 */
export function checkGiven(given: GivenOptions, settings: TrainerSettings): void {
  for (const { flag, kind, get, free, length } of TRAINER_OPTIONS) {
    const value = given.get(flag);
    if (value === undefined || free || length) continue;
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
