// Recipes: what --recipe NAME means, as the settings that it sets. Flags override them; how a run's length is given
// changes none of them.

import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { DEIT_SETTINGS, type RecipeName, type TrainerSettings } from "./settings.js";

export interface Recipe {
  /** What it is for, in the help and in the printed settings. */
  purpose: string;
  settings: TrainerSettings;
}

/** main.py's defaults, but for `changes`. */
function recipe(
  recipeName: RecipeName,
  purpose: string,
  changes: Partial<TrainerSettings> = {},
): [RecipeName, Recipe] {
  return [recipeName, { purpose, settings: { ...DEIT_SETTINGS, ...changes, recipeName } }];
}

const TABLE = [
  recipe("deit", "training from scratch: the defaults of deit's main.py"),
  // README_revenge.md of facebookresearch/deit, its small model: --lr 4e-3 for a batch of 2048 in all, which is 1e-3 for
  // 512. Larger models have more stochastic depth (--drop-path).
  recipe("deit3", "training from scratch as DeiT III: three-augment, LAMB, binary cross-entropy", {
    epochs: 800,
    batchSize: 256,
    lr: 1e-3,
    opt: "lamb",
    bceLoss: true,
    smoothing: 0,
    dropPath: 0.05,
    evalCropRatio: 1,
    recipe: { ...DEIT_SETTINGS.recipe, autoAugment: "3a", eraseProbability: 0 },
  }),
  // A short training from pretrained weights. Smoothed targets would mainly unlearn their confidence, strong
  // augmentation and mixing ask for more than there is time to learn, and an average of 0.99996 would stay at the
  // start. The rate is scaled by the root of the batch, the rule for Adam (arXiv 2205.10287): main.py's linear rule
  // gives a batch of 16 a rate of 1.6e-5.
  recipe("finetune", "a few epochs from --init on one's own photographs", {
    epochs: 10,
    batchSize: 16,
    lrScaling: "sqrt",
    warmupEpochs: null,
    smoothing: 0,
    dropPath: 0,
    ema: false,
    recipe: { ...DEIT_RECIPE, autoAugment: null, colorJitter: 0, mixup: 0, cutmix: 0 },
  }),
  // README.md of facebookresearch/deit: batch 512 in all, so that its linear rule leaves 5e-6 as it is. In evaluation
  // mode (--no-train-mode), that is, without stochastic depth.
  recipe("finetune384", "fine-tuning at 384 pixels, from the README of deit", {
    inputSize: 384,
    epochs: 30,
    batchSize: 32,
    lr: 5e-6,
    lrScaling: "none",
    minLr: 5e-6,
    weightDecay: 1e-8,
    dropPath: 0,
    ema: false,
  }),
];

export const RECIPES = Object.fromEntries(TABLE) as Readonly<Record<RecipeName, Recipe>>;

export const RECIPE_NAMES: readonly RecipeName[] = TABLE.map(([name]) => name);

/** The recipe of a run that names none. */
export function defaultRecipe(hasInit: boolean): RecipeName {
  return hasInit ? "finetune" : "deit";
}
