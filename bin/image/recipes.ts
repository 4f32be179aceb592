// Recipes by name: how the papers' training runs augment.

import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";

/** DeiT (arXiv 2012.12877) and DeiT III (arXiv 2204.07118). `plain`: crop and flip alone. */
export const RECIPES = {
  deit: DEIT_RECIPE,
  deit3: { ...DEIT_RECIPE, autoAugment: "3a", eraseProbability: 0 },
  plain: { ...DEIT_RECIPE, autoAugment: null, colorJitter: 0, eraseProbability: 0 },
} satisfies Record<string, AugmentationRecipe>;

export type RecipeName = keyof typeof RECIPES;

export const RECIPE_NAMES = Object.keys(RECIPES) as RecipeName[];
