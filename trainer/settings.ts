// Settings: every choice that makes a training run what it is, with main.py's defaults. A checkpoint keeps them all,
// so that a resumed run needs none of them again.

import { parseAugmentation } from "../runtime/draw/augmentation.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { VitrineError } from "../runtime/errors.js";
import type { Distillation } from "../runtime/training/contract.js";
import type { RateScaling } from "./schedule.js";

export interface TrainerSettings {
  /** A published name or the path of a config.json or model folder; null: the sizes of `init`. */
  model: string | null;
  /** Weights to start from, null: drawn anew. */
  init: string | null;
  teacher: string | null;
  distillation: Distillation;
  /** Share of the distillation term. */
  alpha: number;
  /** Temperature of soft distillation. */
  tau: number;
  /** The run's length: exactly one of these two is set. */
  epochs: number | null;
  steps: number | null;
  /** Images of a step. */
  batchSize: number;
  /** Pieces that a step's images are computed in, their gradients added up. */
  accumulate: number;
  /** Whether the backward pass computes the blocks again instead of keeping what they made. Changes no bit. */
  recompute: boolean;
  /** For a batch of 512; `lrScaling` says what another batch size makes of it. */
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
  /** How samples are augmented and mixed, sent to the data server. `size` is the model's. */
  recipe: AugmentationRecipe;
  seed: number;
}

/** Crop, flip, erasing and mixing alone. */
const PLAIN_RECIPE: AugmentationRecipe = { ...DEIT_RECIPE, autoAugment: null, colorJitter: 0 };

/** main.py's defaults. */
export const DEIT_SETTINGS: TrainerSettings = {
  model: null,
  init: null,
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
 * Defaults that depend on what kind of run was asked for. `steps`: see schedule.ts. `init`: DeiT fine-tunes in
 * evaluation mode (main.py --no-train-mode), that is without stochastic depth. Both together are a short fine-tuning,
 * in which a smoothed target would first of all unlearn the certainty that the start has, and strong augmentation ask
 * for what it has no time to learn: no smoothing, no RandAugment, no color jitter.
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

/** Refuses combinations that no run can have; single values are checked where the command line reads them. */
export function checkSettings(settings: TrainerSettings): void {
  const { recipe, batchSize, accumulate } = settings;
  if (recipe.autoAugment !== null) parseAugmentation(recipe.autoAugment);
  if ((settings.epochs === null) === (settings.steps === null))
    refuse("a run has a length in epochs or in steps: give one of --epochs and --steps");
  if ((settings.teacher === null) !== (settings.distillation === "none"))
    refuse(
      settings.teacher === null
        ? `--distillation ${settings.distillation} needs a teacher: add --teacher PATH`
        : "--teacher needs --distillation hard or --distillation soft",
    );
  if (batchSize % 2 === 1 && (recipe.mixup > 0 || recipe.cutmix > 0))
    refuse(
      `--batch-size ${batchSize} is odd, and Mixup and CutMix pair the samples of a batch: ` +
        "give an even one, or --mixup 0 --cutmix 0",
    );
  if (batchSize % accumulate !== 0)
    refuse(
      `--accumulate ${accumulate} does not divide --batch-size ${batchSize}: a step's images are computed in equal pieces`,
    );
  if (settings.model === null && settings.init === null)
    refuse("no model: give --model NAME or config.json, or --init PATH");
}
