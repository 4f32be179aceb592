// Changed flags: settings as the flags that give them, beside a recipe.

import { quote } from "../../runtime/errors.js";
import type { TrainerOption } from "./option-kinds.js";
import { TRAINER_OPTIONS } from "./options.js";
import { RECIPES } from "./recipes.js";
import type { TrainerSettings } from "./settings.js";

function showValue(value: unknown): string {
  if (Array.isArray(value)) return value.map((part) => Number(part.toFixed(4))).join(",");
  return quote(String(value));
}

/** `--lr 0.0005`; undefined where no flag gives this value. */
function asFlag({ flag, kind, get }: TrainerOption, settings: TrainerSettings): string | undefined {
  const value = get(settings);
  if (kind.type === "switch") return !kind.alias && value === kind.sets ? flag : undefined;
  return value === null ? undefined : `${flag} ${showValue(value)}`;
}

/** Whether the recipe leaves this setting to the length of the run, so that no flag changed it. */
function isDecidedByLength(flag: string, own: unknown): boolean {
  return own === null && flag.endsWith("ema-warmup");
}

/** The flags of what differs from the recipe of `settings`, in the order of the help. */
export function changedFlags(settings: TrainerSettings): string[] {
  const { settings: own } = RECIPES[settings.recipeName];
  return TRAINER_OPTIONS.filter(
    ({ flag, get }) =>
      flag !== "--recipe" &&
      !isDecidedByLength(flag, get(own)) &&
      JSON.stringify(get(settings)) !== JSON.stringify(get(own)),
  )
    .map((option) => asFlag(option, settings))
    .filter((flag) => flag !== undefined);
}
