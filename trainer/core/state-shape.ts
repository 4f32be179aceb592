// State shape: the kind of value that each field of state.json holds, so that an edited or damaged file is refused by
// the field's name before a run continues with it.

import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { quoteJson } from "../../runtime/errors.js";
import { DEIT_SETTINGS } from "./settings.js";

/** A kind of value: a number, string or boolean stands for its type, an array for one of its length. */
type Shape =
  | number
  | string
  | boolean
  | readonly Shape[]
  | { readonly [key: string]: Shape }
  | Count
  | OrNull
  | ListOf;

/** A whole number from 0 on. */
class Count {
  readonly kind = "count";
}

class OrNull {
  constructor(readonly shape: Shape) {}
}

class ListOf {
  constructor(readonly entry: Shape) {}
}

const COUNT = new Count();
const orNull = (shape: Shape) => new OrNull(shape);
const listOf = (entry: Shape) => new ListOf(entry);

const SETTINGS = {
  ...DEIT_SETTINGS,
  model: orNull(""),
  init: orNull(""),
  teacher: orNull(""),
  freeze: orNull(""),
  inputSize: orNull(COUNT),
  evalCropRatio: orNull(0),
  warmupEpochs: orNull(0),
  emaWarmup: orNull(true),
  epochs: orNull(COUNT),
  steps: orNull(COUNT),
  batchSize: COUNT,
  accumulate: COUNT,
  seed: COUNT,
  lrNoise: orNull([0, 0]),
  recipe: { ...DEIT_RECIPE, autoAugment: orNull(""), cutmixMinmax: orNull([0, 0]) },
} as const;

/** JSON writes a loss that is not finite as null. */
const LOSS = orNull(0);
const SCORE = { epoch: COUNT, step: COUNT, top1: LOSS, loss: LOSS };
const DATA = { fingerprint: "", samples: COUNT };

/** What a run continues with. Fields that a state of an earlier version lacks are not looked at. */
const STATE: { readonly [key: string]: Shape } = {
  settings: SETTINGS as unknown as Shape,
  cursor: { epoch: COUNT, batch: COUNT },
  step: COUNT,
  device: "",
  gpuTier: orNull(""),
  fusedMultiplyAdd: true,
  data: DATA,
  acceptedData: listOf({ step: COUNT, ...DATA }),
  classMap: listOf(COUNT),
  lossScale: orNull({ scale: 0 }),
  teacher: orNull({ sha256: "" }),
  validationPath: orNull(""),
  badValidationSamples: "",
  recentLosses: listOf(LOSS),
  epochLoss: { sum: LOSS, steps: COUNT },
  best: orNull(SCORE),
  top: listOf(SCORE),
  sinceBest: COUNT,
  validation: orNull({}),
  owedValidation: orNull({ step: COUNT, epoch: COUNT, batch: COUNT, imagesPerSecond: 0, dataWait: 0 }),
};

/** The first value that is not of its shape, as a part of an error message; null where all are. */
function mismatch(shape: Shape, value: unknown, path: string): string | null {
  const wrong = (allowed: string) => `"${path}" is ${quoteJson(value, "missing")}; allowed: ${allowed}`;
  if (shape instanceof OrNull) return value === null ? null : mismatch(shape.shape, value, path);
  if (shape instanceof Count)
    return Number.isSafeInteger(value) && (value as number) >= 0 ? null : wrong("a whole number from 0 on");
  if (shape instanceof ListOf || Array.isArray(shape)) {
    const isLong = shape instanceof ListOf || (Array.isArray(value) && value.length === shape.length);
    if (!Array.isArray(value) || !isLong) return wrong("a list");
    const entryAt = (index: number) => (shape instanceof ListOf ? shape.entry : (shape as Shape[])[index]);
    return first(value.map((entry, index) => mismatch(entryAt(index), entry, `${path}[${index}]`)));
  }
  if (typeof shape !== "object")
    return typeof value === typeof shape
      ? null
      : wrong(`a ${typeof shape === "string" ? "text" : typeof shape}`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("an object");
  const fields = value as Readonly<Record<string, unknown>>;
  return first(Object.entries(shape).map(([key, inner]) => mismatch(inner, fields[key], `${path}.${key}`)));
}

const first = (results: readonly (string | null)[]): string | null =>
  results.find((result) => result !== null) ?? null;

/** The first field of a parsed state.json with a value of another kind, in words; null where there is none. */
export function wrongField(state: Readonly<Record<string, unknown>>): string | null {
  const present = Object.entries(STATE).filter(([key]) => state[key] !== undefined);
  return first(present.map(([key, shape]) => mismatch(shape, state[key], key)));
}
