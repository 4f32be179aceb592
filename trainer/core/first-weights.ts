// First weights: the weights that a run starts from: drawn from its seed, and those of a model that fit in their place.

import type { DrawMath } from "../../runtime/draw/random.js";
import { VitrineError } from "../../runtime/errors.js";
import { elementCount } from "../../runtime/graph/tensor.js";
import { type StoredModel, withClasses } from "../../runtime/model-files/stored-model.js";
import { familyOf, initialWeights, type ModelConfig } from "../../runtime/models/families.js";
import { type StartingWeights, startingWeights } from "../../runtime/models/starting-weights.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { TrainerSettings } from "./settings.js";

export interface StartingModel {
  /** Its number of classes is the data set's, and filled in later. */
  config: ModelConfig;
  /** The model that --init names. */
  init: StoredModel | null;
}

/** What a new run begins with: checked settings, and the model that they name. */
export interface FirstModel {
  asked: TrainerSettings;
  start: StartingModel;
}

/** Weights, gradients and moments, float32: SGD has one moment. */
const BYTES_PER_PARAMETER = { adamw: 16, lamb: 16, sgd: 12 } as const;

/**
 * Refuses a model whose parameters alone do not fit, before any of them is drawn. Throws `graph/memory`, and
 * `model/config` for sizes that contradict each other.
 */
export function checkParameterMemory(
  config: ModelConfig,
  limitBytes: number,
  optimizer: TrainerSettings["opt"],
): void {
  const shapes = familyOf(config).parameters(config);
  const count = Array.from(shapes.values(), elementCount).reduce((sum, values) => sum + values, 0);
  // What Node's host memory may hold, where the device states no limit.
  const limit = Math.min(limitBytes, 2 ** 36);
  const bytes = count * BYTES_PER_PARAMETER[optimizer];
  if (bytes <= limit) return;
  const gib = (value: number) => (value / 2 ** 30).toLocaleString("en-US", { maximumFractionDigits: 1 });
  const text =
    `training this model's ${count.toLocaleString("en-US")} parameters takes ${gib(bytes)} GiB before any activation, ` +
    `${gib(limit)} GiB can be used: take a smaller model (--model)`;
  throw new VitrineError("graph/memory", text, { details: { parameters: count, bytes, limit } });
}

/** The names of --init's classes; null without a checkpoint, or for a backbone without heads. */
export function headLabels({ init }: StartingModel): readonly string[] | null {
  return init === null || init.labels.length === 0 ? null : init.labels;
}

/** With new heads: those of `fresh`, for each that the checkpoint has as well. */
function withNewHeads({ weights }: StoredModel, config: ModelConfig, fresh: TensorMap): TensorMap {
  const replaced = new Map(weights);
  for (const head of familyOf(config).headNames(config))
    for (const name of [`${head}.weight`, `${head}.bias`]) {
      const tensor = fresh.get(name);
      if (tensor && replaced.has(name)) replaced.set(name, tensor);
    }
  return replaced;
}

export interface FirstWeightsOptions {
  /** For each class the row of --init's heads that it keeps; null: new heads. */
  headRows: Int32Array | null;
  seed: number;
  math: DrawMath;
}

/** Initial weights for `config`'s classes: drawn from the seed, replaced by those of --init that fit. */
export function firstWeights(
  { init }: StartingModel,
  config: ModelConfig,
  { headRows, seed, math }: FirstWeightsOptions,
): StartingWeights {
  const fresh = initialWeights(config, seed, math);
  if (init === null) return { weights: fresh, notices: [] };
  const loaded = headRows ? withClasses(init, headRows).weights : withNewHeads(init, config, fresh);
  const { weights, notices } = startingWeights(loaded, fresh, init.name);
  return { weights, notices: [...init.notices, ...notices] };
}
