// Recipe options: flags of how samples are augmented, for commands that look at what a recipe gives. The names are
// main.py's, the defaults DeiT's.

import { type Command, Option } from "commander";
import { parseAugmentation } from "../runtime/draw/augmentation.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../runtime/draw/recipe.js";
import { decimalNumber, wholeNumber } from "./number-option.js";

export interface RecipeFlags {
  aa?: string;
  colorJitter?: number;
  trainInterpolation?: AugmentationRecipe["interpolation"];
  repeats?: number;
}

/** Throws `usage/bad-option`. */
function augmentationText(text: string): string {
  if (text !== "none") parseAugmentation(text);
  return text;
}

export function addRecipeOptions(command: Command): Command {
  return command
    .option(
      "--aa <policy>",
      `rand-…, original, originalr, v0, v0r, 3a or none (${DEIT_RECIPE.autoAugment})`,
      augmentationText,
    )
    .option(
      "--color-jitter <x>",
      `share by which brightness, contrast and color vary, with --aa none and 3a (${DEIT_RECIPE.colorJitter})`,
      decimalNumber("--color-jitter", { min: 0 }),
    )
    .addOption(
      new Option(
        "--train-interpolation <filter>",
        `how crops, rotations and shears are resampled (${DEIT_RECIPE.interpolation})`,
      ).choices(["bicubic", "bilinear", "random"]),
    )
    .option(
      "--repeats <n>",
      `how often an image stands in a row (${DEIT_RECIPE.repeats})`,
      wholeNumber("--repeats", { min: 1 }),
    );
}

/** `base` with what the flags say otherwise. */
export function recipeFrom(base: AugmentationRecipe, flags: RecipeFlags): AugmentationRecipe {
  const { aa, colorJitter, trainInterpolation, repeats } = flags;
  return {
    ...base,
    ...(aa === undefined ? {} : { autoAugment: aa === "none" ? null : aa }),
    ...(colorJitter === undefined ? {} : { colorJitter }),
    ...(trainInterpolation === undefined ? {} : { interpolation: trainInterpolation }),
    ...(repeats === undefined ? {} : { repeats }),
  };
}
