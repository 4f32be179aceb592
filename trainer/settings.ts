// Settings: everything that determines a training run, with main.py's defaults. A checkpoint keeps them all, so that a
// resumed run needs none of them again.

import { parseAugmentation } from "../runtime/draw/augmentation.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { VitrineError } from "../runtime/errors.js";
import type { ClassOrder } from "../runtime/models/labels.js";
import type { Distillation } from "../runtime/training/contract.js";
import type { RateScaling } from "./schedule.js";

export interface TrainerSettings {
  /** A published name or the path of a config.json or model folder; null: the architecture of `init`. */
  model: string | null;
  /** Weights to start from; null: drawn from the seed. */
  init: string | null;
  /** Keep the rows of `init`'s heads by index, whatever the class names. */
  keepHead: boolean;
  /** How the classes of validation data find the run's. */
  classesBy: ClassOrder;
  teacher: string | null;
  distillation: Distillation;
  /** Weight of the distillation loss: (1 − alpha)·base + alpha·distillation. */
  alpha: number;
  /** Temperature of soft distillation. */
  tau: number;
  /** The run's length: exactly one of these two is set. */
  epochs: number | null;
  steps: number | null;
  /** Images of a step. */
  batchSize: number;
  /** Micro-batches of a step, whose gradients are summed. */
  accumulate: number;
  /** Activation checkpointing: the backward pass recomputes the blocks' activations. Changes no bit. */
  recompute: boolean;
  /** Peak rate for a batch of 512; `lrScaling` adapts it to the batch size. */
  lr: number;
  lrScaling: RateScaling;
  minLr: number;
  warmupLr: number;
  /** Null: 5, or in a run measured in steps 1/60 of its epochs, rounded down. */
  warmupEpochs: number | null;
  weightDecay: number;
  /** Largest L2 norm of the gradient, 0 = no clipping. */
  clipGrad: number;
  smoothing: number;
  /** Largest stochastic-depth rate. */
  dropPath: number;
  ema: boolean;
  emaDecay: number;
  /** Augmentation and mixing, which the data server applies. `size` is the model's. */
  recipe: AugmentationRecipe;
  seed: number;
}

/** Crop, flip, erasing and mixing alone. */
const PLAIN_RECIPE: AugmentationRecipe = { ...DEIT_RECIPE, autoAugment: null, colorJitter: 0 };

/** main.py's defaults. */
export const DEIT_SETTINGS: TrainerSettings = {
  model: null,
  init: null,
  keepHead: false,
  classesBy: "name",
  teacher: null,
  distillation: "none",
  alpha: 0.5,
  tau: 1,
  epochs: 300,
  steps: null,
  batchSize: 64,
  accumulate: 1,
  recompute: false,
  lr: 5e-4,
  lrScaling: "linear",
  minLr: 1e-5,
  warmupLr: 1e-6,
  warmupEpochs: null,
  weightDecay: 0.05,
  clipGrad: 0,
  smoothing: 0.1,
  dropPath: 0.1,
  ema: true,
  emaDecay: 0.99996,
  recipe: DEIT_RECIPE,
  seed: 0,
};

/**
 * Defaults by kind of run. `steps`: see schedule.ts. `init`: DeiT fine-tunes in evaluation mode (main.py
 * --no-train-mode), that is, without stochastic depth. Both together are a short fine-tuning, in which smoothed targets
 * would mainly unlearn the confidence of the start, and strong augmentation ask for more than there is time to learn:
 * no smoothing, no RandAugment, no color jitter.
 */
export function defaultSettings(kind: { steps: boolean; init: boolean }): TrainerSettings {
  return {
    ...DEIT_SETTINGS,
    ...(kind.steps ? { epochs: null, lrScaling: "sqrt" } : {}),
    ...(kind.init ? { dropPath: 0 } : {}),
    ...(kind.steps && kind.init ? { smoothing: 0, recipe: PLAIN_RECIPE } : {}),
  };
}

function refuse(message: string): never {
  throw new VitrineError("usage/training", message);
}

/** Throws `usage/training` for invalid combinations; the command line checks single values when it reads them. */
export function checkSettings(settings: TrainerSettings): void {
  const { recipe, batchSize, accumulate } = settings;
  if (recipe.autoAugment !== null) parseAugmentation(recipe.autoAugment);
  if ((settings.epochs === null) === (settings.steps === null))
    refuse("the length of a run is in epochs or in steps: give one of --epochs and --steps");
  if ((settings.teacher === null) !== (settings.distillation === "none"))
    refuse(
      settings.teacher === null
        ? `--distillation ${settings.distillation} needs a teacher: add --teacher PATH`
        : "--teacher needs --distillation hard or --distillation soft",
    );
  if (batchSize % 2 === 1 && (recipe.mixup > 0 || recipe.cutmix > 0))
    refuse(
      `--batch-size ${batchSize} is odd, but Mixup and CutMix pair the samples of a batch: ` +
        "give an even one, or --mixup 0 --cutmix 0",
    );
  if (batchSize % accumulate !== 0)
    refuse(
      `--accumulate ${accumulate} does not divide --batch-size ${batchSize}: micro-batches have the same size`,
    );
  if (settings.model === null && settings.init === null)
    refuse("no model: give --model NAME or config.json, or --init PATH");
  if (settings.keepHead && settings.init === null)
    refuse("--keep-head keeps the head of a checkpoint: add --init PATH");
}
