// Starting model: the sizes that --model and --init ask for, and the weights that a run begins with.

import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DrawMath } from "../runtime/draw/random.js";
import { VitrineError } from "../runtime/errors.js";
import { CONFIG_FILE } from "../runtime/host/host.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { readTrainableModel, type StoredModel } from "../runtime/model-files/stored-model.js";
import type { DeitConfig } from "../runtime/models/deit/config.js";
import { checkConfig, completeConfig } from "../runtime/models/deit/config.js";
import { initialWeights } from "../runtime/models/deit/initialization.js";
import { type StartingWeights, startingWeights } from "../runtime/models/deit/starting-weights.js";
import { MODEL_NAMES, publishedConfig, readTrainableConfig } from "../runtime/models/families.js";
import type { TrainerSettings } from "./settings.js";

export interface StartingModel {
  /** The number of classes is the data set's to say. */
  config: DeitConfig;
  /** What --init names. */
  init: StoredModel | null;
}

/** Sizes of a published name, a config.json, or the one in a folder. Throws `model/unknown`, `model/config`. */
async function namedConfig(model: string): Promise<DeitConfig> {
  const published = publishedConfig(model);
  if (published) return published;
  if (!existsSync(model))
    throw new VitrineError(
      "model/unknown",
      `--model ${model} is no file and no published name; names: ${MODEL_NAMES.join(", ")}`,
      { details: { model } },
    );
  const path = statSync(model).isDirectory() ? join(model, CONFIG_FILE) : model;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new VitrineError("file/unreadable", `${path}: ${(cause as Error).message}`, { cause });
  }
  return completeConfig({ classes: 1, ...readTrainableConfig(text, path).sizes }, path);
}

/** Reads what `settings` name; throws what is wrong with it before anything else is opened. */
export async function openStartingModel(settings: TrainerSettings): Promise<StartingModel> {
  const init = settings.init === null ? null : await readTrainableModel(nodeModelSource(settings.init));
  const config = settings.model === null ? init?.config : await namedConfig(settings.model);
  if (config === undefined) throw new VitrineError("usage/training", "no model: give --model or --init");
  checkConfig(config);
  return { config, init };
}

/** Weights of a run with `config`'s classes: drawn from the seed, and over them what fits of the checkpoint's. */
export function firstWeights(
  { init }: StartingModel,
  config: DeitConfig,
  seed: number,
  math: DrawMath,
): StartingWeights {
  const fresh = initialWeights(config, seed, math);
  return init === null ? { weights: fresh, notices: [] } : startingWeights(init.weights, fresh, init.name);
}
