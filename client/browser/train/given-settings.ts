// Given settings: settings of a page under the names of `vitrine train`'s flags, checked by the same table.

import { quote, quoteJson, VitrineError } from "../../../runtime/errors.js";
import { BACKBONE } from "../../../trainer/core/frozen.js";
import type { OptionKind, OptionValue, TrainerOption } from "../../../trainer/core/option-kinds.js";
import { type GivenOptions, TRAINER_OPTIONS } from "../../../trainer/core/options.js";
import type { SettingValue } from "./contract.js";

/** What a page gives in other ways, or cannot have. */
const ELSEWHERE = new Set(["--model", "--init", "--teacher", "--distillation"]);

/**
 * A head on a frozen backbone: few weights, which start from nothing and take large steps. Its rate does not depend on
 * the batch, and neither weight decay nor warm-up has the time to matter.
 */
const HEAD: Readonly<Record<string, SettingValue>> = {
  freeze: BACKBONE,
  epochs: 20,
  lr: 0.01,
  "lr-scaling": "none",
  "min-lr": 0,
  "warmup-epochs": 0,
  "weight-decay": 0,
};

/** All weights: as `--recipe finetune`, which a page has no hours for. */
const ALL: Readonly<Record<string, SettingValue>> = { epochs: 10 };

/** Validations of a run: each costs as much as a few steps. */
const VALIDATIONS = 5;

function refuse(key: string, got: SettingValue, allowed: string): never {
  throw new VitrineError(
    "usage/bad-option",
    `setting "${quote(key)}" got ${quoteJson(got)}; allowed: ${allowed}`,
    {
      details: { setting: key },
    },
  );
}

function checkNumber(key: string, value: SettingValue, kind: Extract<OptionKind, { type: "number" }>): void {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, whole = false } = kind;
  const isInside = typeof value === "number" && Number.isFinite(value) && value >= min && value <= max;
  if (isInside && (!whole || Number.isSafeInteger(value))) return;
  const range = max === Number.POSITIVE_INFINITY ? `from ${min}` : `from ${min} to ${max}`;
  refuse(key, value, `${whole ? "a whole number" : "a number"} ${range}`);
}

const isPair = (value: SettingValue): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((part) => Number.isFinite(part));

function checkedValue(key: string, { kind }: TrainerOption, value: SettingValue): OptionValue {
  if (kind.type === "number") checkNumber(key, value, kind);
  else if (kind.type === "choice" && !kind.choices.includes(value as string))
    refuse(key, value, kind.choices.join(", "));
  else if (kind.type === "pair" && !isPair(value)) refuse(key, value, "a list of two numbers");
  else if ((kind.type === "text" || kind.type === "path") && typeof value !== "string")
    refuse(key, value, "a text");
  else if (kind.type === "switch" && value !== true) refuse(key, value, "true; leave it out otherwise");
  return kind.type === "switch" ? kind.sets : (value as OptionValue);
}

/** Throws `usage/bad-option` for a name that is no setting of a page, and for a value that it cannot have. */
function checked(settings: Readonly<Record<string, SettingValue>>): Map<string, OptionValue> {
  const given = new Map<string, OptionValue>();
  for (const [key, value] of Object.entries(settings)) {
    const flag = `--${key}`;
    const option = TRAINER_OPTIONS.find((each) => each.flag === flag && !ELSEWHERE.has(flag));
    if (!option) {
      const text = `no setting "${quote(key)}" in a page; allowed: the flags of vitrine train without dashes, such as epochs, lr`;
      throw new VitrineError("usage/bad-option", text, { details: { setting: key } });
    }
    given.set(flag, checkedValue(key, option, value));
  }
  return given;
}

/** The settings of a new run: those of `trains`, changed by `settings`. */
export function givenSettings(
  trains: "head" | "all",
  settings: Readonly<Record<string, SettingValue>>,
): GivenOptions {
  const defaults: Record<string, SettingValue> = { recipe: "finetune", ...(trains === "head" ? HEAD : ALL) };
  // One of the two lengths replaces the other.
  if ("steps" in settings) delete defaults.epochs;
  const given = checked({ ...defaults, ...settings });
  const epochs = given.get("--epochs");
  if (!given.has("--val-interval") && typeof epochs === "number")
    given.set("--val-interval", Math.max(1, Math.ceil(epochs / VALIDATIONS)));
  return given;
}
