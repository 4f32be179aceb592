// Recipe codec: an augmentation recipe ↔ its message on the wire.

import type { AugmentationRecipe, EraseMode, MixMode } from "../runtime/draw/recipe.js";
import { VitrineError } from "../runtime/errors.js";
import { vitrine } from "./generated/data.js";

type RecipeMessage = vitrine.data.v1.Recipe.$Properties;

/** The index of each is its number in the enumeration of data.proto. */
const ERASE_MODES: readonly EraseMode[] = ["pixel", "random", "const"];
const MIX_MODES: readonly MixMode[] = ["batch", "pair", "elem"];
const INTERPOLATIONS: readonly AugmentationRecipe["interpolation"][] = ["bicubic", "bilinear", "random"];

export function toRecipeMessage(recipe: AugmentationRecipe): RecipeMessage {
  return {
    size: recipe.size,
    simpleCrop: recipe.simpleCrop,
    scaleMin: recipe.scale[0],
    scaleMax: recipe.scale[1],
    ratioMin: recipe.ratio[0],
    ratioMax: recipe.ratio[1],
    flip: recipe.flip,
    ...(recipe.autoAugment === null ? {} : { autoAugment: recipe.autoAugment }),
    eraseProbability: recipe.eraseProbability,
    eraseMode: ERASE_MODES.indexOf(recipe.eraseMode),
    eraseCount: recipe.eraseCount,
    mixup: recipe.mixup,
    cutmix: recipe.cutmix,
    cutmixMinmax: recipe.cutmixMinmax ?? [],
    mixProbability: recipe.mixProbability,
    mixSwitchProbability: recipe.mixSwitchProbability,
    mixMode: MIX_MODES.indexOf(recipe.mixMode),
    mixOffEpoch: recipe.mixOffEpoch,
    repeats: recipe.repeats,
    shuffleWindow: recipe.shuffleWindow,
    colorJitter: recipe.colorJitter,
    interpolation: INTERPOLATIONS.indexOf(recipe.interpolation),
  };
}

function modeOf<Mode>(modes: readonly Mode[], index: number, field: string): Mode {
  const mode = modes[index];
  if (mode === undefined)
    throw new VitrineError(
      "protocol/bad-recipe",
      `recipe: ${field} got ${index}; allowed: 0 to ${modes.length - 1}`,
      { details: { field, got: index } },
    );
  return mode;
}

/** Missing numbers are 0, as in proto3. Throws `protocol/bad-recipe`; ranges are checked before anything is drawn. */
export function fromRecipeMessage(message: RecipeMessage): AugmentationRecipe {
  const recipe = vitrine.data.v1.Recipe.create(message as vitrine.data.v1.Recipe.$Shape);
  const minmax = recipe.cutmixMinmax;
  if (minmax.length !== 0 && minmax.length !== 2)
    throw new VitrineError(
      "protocol/bad-recipe",
      `recipe: cutmix_minmax has ${minmax.length} numbers; allowed: two or none`,
      { details: { got: minmax.length } },
    );
  return {
    size: recipe.size,
    simpleCrop: recipe.simpleCrop,
    scale: [recipe.scaleMin, recipe.scaleMax],
    ratio: [recipe.ratioMin, recipe.ratioMax],
    flip: recipe.flip,
    interpolation: modeOf(INTERPOLATIONS, recipe.interpolation, "interpolation"),
    autoAugment: recipe.autoAugment ?? null,
    colorJitter: recipe.colorJitter,
    eraseProbability: recipe.eraseProbability,
    eraseMode: modeOf(ERASE_MODES, recipe.eraseMode, "erase_mode"),
    eraseCount: recipe.eraseCount,
    mixup: recipe.mixup,
    cutmix: recipe.cutmix,
    cutmixMinmax: minmax.length === 2 ? [minmax[0], minmax[1]] : null,
    mixProbability: recipe.mixProbability,
    mixSwitchProbability: recipe.mixSwitchProbability,
    mixMode: modeOf(MIX_MODES, recipe.mixMode, "mix_mode"),
    mixOffEpoch: recipe.mixOffEpoch,
    repeats: recipe.repeats,
    shuffleWindow: recipe.shuffleWindow,
  };
}
