// Settings: everything that determines a training run, with main.py's defaults. recipes.ts has other sets of defaults.
// A checkpoint keeps them all, so that a resumed run needs none of them again.

import { parseAugmentation } from "../../runtime/draw/augmentation.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { VitrineError } from "../../runtime/errors.js";
import type { ClassOrder } from "../../runtime/models/labels.js";
import type { Distillation, OptimizerName, SoftScale } from "../../runtime/training/contract.js";
import type { RateCurveName, RateScaling } from "./schedule.js";

/** Names of recipes.ts. */
export type RecipeName = "deit" | "deit3" | "finetune" | "finetune384";

/** The validation score that decides which epoch is the best. */
export type EvalMetric = "top1" | "loss";

export interface TrainerSettings {
  /** Whose defaults the other settings have where no flag set them. */
  recipeName: RecipeName;
  /** A published name or the path of a config.json or model folder; null: the architecture of `init`. */
  model: string | null;
  /** Weights to start from; null: drawn from the seed. */
  init: string | null;
  /** Side of the square input in pixels; null: the model's. */
  inputSize: number | null;
  /** Fraction of the resized image that the center crop of validation takes; null: the model's. */
  evalCropRatio: number | null;
  /** Keep the rows of `init`'s heads by index, whatever the class names. */
  keepHead: boolean;
  /** How the classes of validation data find the run's. */
  classesBy: ClassOrder;
  /** A path, or the address of a server; null: none. */
  teacher: string | null;
  /** How the student's classes find the teacher's. */
  teacherClasses: ClassOrder;
  distillation: Distillation;
  /** Weight of the distillation loss: (1 − alpha)·base + alpha·distillation. */
  alpha: number;
  /** Temperature of soft distillation. */
  tau: number;
  /** What soft distillation is divided by. */
  softScale: SoftScale;
  /** The run's length: exactly one of these two is set. */
  epochs: number | null;
  steps: number | null;
  /** Images of a step. */
  batchSize: number;
  /** Micro-batches of a step, whose gradients are summed. */
  accumulate: number;
  /** Steps that each of several ranks takes by itself before they average their weights; 1: every step is of all. */
  syncEvery: number;
  /** Rate and Nesterov momentum of the step that the average is (arXiv 2311.08105). */
  outerLr: number;
  outerMomentum: number;
  /** Activation checkpointing: the backward pass recomputes the blocks' activations. Changes no bit. */
  recompute: boolean;
  /** Peak rate for a batch of 512; `lrScaling` adapts it to the batch size. */
  lr: number;
  lrScaling: RateScaling;
  sched: RateCurveName;
  minLr: number;
  warmupLr: number;
  /** Null: 1/60 of the run's epochs, rounded down. */
  warmupEpochs: number | null;
  /** Epochs between the steps of `sched` "step", and the factor of each. */
  decayEpochs: number;
  decayRate: number;
  /** Epochs at `minLr` after those of the cosine. */
  cooldownEpochs: number;
  /** See rate-noise.ts. */
  lrNoise: [number, number] | null;
  lrNoisePct: number;
  lrNoiseStd: number;
  opt: OptimizerName;
  /** Of SGD. */
  momentum: number;
  /** Factor on the learning rate from each layer to the one before it; 1 = the same rate for all. */
  layerDecay: number;
  /** Binary cross-entropy of every class instead of cross-entropy. */
  bceLoss: boolean;
  /** main.py's --cosub: each image is computed twice, and both computations learn from each other. */
  cosub: boolean;
  /** Epsilon and betas of AdamW and LAMB. */
  optEps: number;
  optBetas: [number, number];
  weightDecay: number;
  /** What stays as it is: a number of blocks with the stem, or patterns of tensor names; null: nothing. */
  freeze: string | null;
  /** main.py's --attn-only: only attention, positions and heads are trained. */
  attnOnly: boolean;
  /** Largest L2 norm of the gradient, 0 = no clipping. */
  clipGrad: number;
  smoothing: number;
  /** Largest stochastic-depth rate. */
  dropPath: number;
  ema: boolean;
  emaDecay: number;
  /**
   * Whether the average's decay warms up, as min(decay, (1 + step)/(10 + step)); null: where the run has fewer steps
   * than the average would need, 1/(1 − decay). Decided when the run starts.
   */
  emaWarmup: boolean | null;
  /** Augmentation and mixing, which the data server applies. `size` is the model's. */
  recipe: AugmentationRecipe;
  /** Epochs between validations; the end of the run is always validated. */
  valInterval: number;
  evalMetric: EvalMetric;
  /** Validations without a better score after which the run ends; 0 = never. */
  patience: number;
  /** Steps between rows of metrics.csv; the last step of an epoch has one in any case. */
  logInterval: number;
  seed: number;
}

/** main.py's defaults. */
export const DEIT_SETTINGS: TrainerSettings = {
  recipeName: "deit",
  model: null,
  init: null,
  inputSize: null,
  evalCropRatio: null,
  keepHead: false,
  classesBy: "name",
  teacher: null,
  teacherClasses: "name",
  distillation: "none",
  alpha: 0.5,
  tau: 1,
  softScale: "main",
  epochs: 300,
  steps: null,
  batchSize: 64,
  accumulate: 1,
  syncEvery: 1,
  outerLr: 0.7,
  outerMomentum: 0.9,
  recompute: false,
  lr: 5e-4,
  lrScaling: "linear",
  sched: "cosine",
  minLr: 1e-5,
  warmupLr: 1e-6,
  warmupEpochs: 5,
  decayEpochs: 30,
  decayRate: 0.1,
  cooldownEpochs: 0,
  lrNoise: null,
  lrNoisePct: 0.67,
  lrNoiseStd: 1,
  opt: "adamw",
  momentum: 0.9,
  layerDecay: 1,
  bceLoss: false,
  cosub: false,
  optEps: 1e-8,
  optBetas: [0.9, 0.999],
  weightDecay: 0.05,
  freeze: null,
  attnOnly: false,
  clipGrad: 0,
  smoothing: 0.1,
  dropPath: 0.1,
  ema: true,
  emaDecay: 0.99996,
  emaWarmup: null,
  recipe: { ...DEIT_RECIPE, repeats: 3 },
  valInterval: 1,
  evalMetric: "top1",
  patience: 0,
  logInterval: 1,
  seed: 0,
};

function refuse(message: string): never {
  throw new VitrineError("usage/training", message);
}

function checkSchedule({ lrNoise, cooldownEpochs, steps, sched }: TrainerSettings): void {
  if (lrNoise !== null && !(lrNoise[0] >= 0 && lrNoise[0] < lrNoise[1] && lrNoise[1] <= 1))
    refuse(`--lr-noise ${lrNoise.join(",")}: two fractions of the run, from 0 to 1, the lower one first`);
  if (cooldownEpochs > 0 && (steps !== null || sched !== "cosine"))
    refuse(
      "--cooldown-epochs adds epochs at --min-lr to those of a cosine: it needs a length in --epochs and --sched cosine",
    );
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
  checkSchedule(settings);
  if (batchSize % 2 === 1 && (recipe.mixup > 0 || recipe.cutmix > 0))
    refuse(
      `--batch-size ${batchSize} is odd, but Mixup and CutMix pair the samples of a batch: ` +
        "give an even one, or --mixup 0 --cutmix 0",
    );
  if (settings.optBetas.some((beta) => beta >= 1))
    refuse(`--opt-betas ${settings.optBetas.join(",")}: both must be below 1`);
  if (batchSize % accumulate !== 0)
    refuse(
      `--accumulate ${accumulate} does not divide --batch-size ${batchSize}: micro-batches have the same size`,
    );
  if (settings.model === null && settings.init === null)
    refuse("no model: give --model NAME or config.json, or --init PATH");
  if (settings.bceLoss && settings.smoothing > 0)
    refuse(
      "--bce-loss makes every class with a probability above 0 a target, and --smoothing gives all of them one: " +
        "add --smoothing 0",
    );
  if (settings.cosub && settings.distillation !== "none")
    refuse("--cosub teaches a model by itself: leave --teacher and --distillation out");
  if (settings.cosub && settings.dropPath === 0)
    refuse("--cosub compares two sub-models that stochastic depth draws: add --drop-path above 0");
  if (settings.keepHead && settings.init === null)
    refuse("--keep-head keeps the head of a checkpoint: add --init PATH");
}
