// Open model: a model's files read, its sizes found, its tensors under timm's names and checked. Computes nothing.

import { VitrineError } from "../errors.js";
import { CONFIG_FILE, type ModelSource, PREPROCESSOR_FILE, WEIGHTS_FILE } from "../host/host.js";
import type { DeitConfig } from "../models/config.js";
import { publishedConfig, publishedNameIn } from "../models/deit/config.js";
import { type ConfigFile, completeConfig, readConfigJson } from "../models/deit/family.js";
import { toTimmNames } from "../models/deit/key-map.js";
import { deitParameters } from "../models/deit/parameters.js";
import { sizesFromShapes } from "../models/deit/sizes-from-shapes.js";
import { defaultLabels } from "../models/labels.js";
import { readPreprocessorJson } from "../models/preprocessor-json.js";
import { isBuffer } from "../models/regnety/parameters.js";
import { checkShapes } from "../weights/check-shapes.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";
import { floatTensors, int8Matrices, readSafetensors } from "../weights/safetensors.js";
import type { TensorMap } from "../weights/tensor-map.js";
import { fileDtype, type WeightDtype } from "../weights/weight-dtype.js";

export interface OpenModel {
  name: string;
  config: DeitConfig;
  /** Class names in index order, [classes]. */
  labels: string[];
  /** Float32 under timm's names; exactly the tensors that `config` asks for. */
  weights: TensorMap;
  /** What the file keeps them in; `weights` are widened to float32 whatever it is. */
  dtype: WeightDtype;
  /** Weights that the file holds as int8 matrices. */
  matrices: ReadonlyMap<string, Int8Matrix>;
}

/** Sizes that a timm name stands for; the number of classes is the file's own affair. */
function sizesOfName(text: string | undefined): Partial<DeitConfig> {
  const name = publishedNameIn(text ?? "");
  const config = name === undefined ? undefined : publishedConfig(name);
  if (!config) return {};
  const { classes: _, ...sizes } = config;
  return sizes;
}

function needHeads(sizes: Partial<DeitConfig>, subject: string): void {
  if (sizes.heads !== undefined) return;
  const text = `${subject}: width ${sizes.dim} is no multiple of the head dimension 64, so the number of heads is not known; put the file as ${WEIGHTS_FILE} into a folder with a ${CONFIG_FILE} that gives num_attention_heads`;
  throw new VitrineError("model/config", text, { details: { dim: sizes.dim } });
}

/** config.json, and what preprocessor_config.json says beside it of the input; config.json wins. */
async function readConfig(source: ModelSource): Promise<ConfigFile | null> {
  const readText = async (file: string): Promise<string | null> => {
    const bytes = await source.read(file);
    return bytes && new TextDecoder().decode(bytes);
  };
  const text = await readText(CONFIG_FILE);
  if (text === null) return null;
  const config = readConfigJson(text, `${source.location}: ${CONFIG_FILE}`);
  if (config.sizes.cropRatio !== undefined) return config;
  const input = await readText(PREPROCESSOR_FILE);
  if (input === null) return config;
  const sizes = {
    ...readPreprocessorJson(input, `${source.location}: ${PREPROCESSOR_FILE}`),
    ...config.sizes,
  };
  return { ...config, sizes };
}

/**
 * Sizes come from config.json; without one from a timm name in the model's own; what neither says from the shapes,
 * with head dimension 64. Throws `model/no-model`, `model/config`, and `weights/…` naming the first tensor that does
 * not fit.
 */
export async function openModel(source: ModelSource): Promise<OpenModel> {
  const { name, location } = source;
  const file = await readConfig(source);
  const bytes = await source.read(WEIGHTS_FILE);
  if (!bytes)
    throw new VitrineError("model/no-model", `${location}: no ${WEIGHTS_FILE}`, { details: { location } });
  const stored = readSafetensors(bytes, location);
  const weights = toTimmNames(floatTensors(stored, location), location);
  const named = sizesOfName(file ? file.architecture : name);
  const sizes = { ...sizesFromShapes(weights, location), ...named, ...file?.sizes };
  needHeads(sizes, location);
  const config = completeConfig(sizes, location);
  checkShapes(weights, deitParameters(config), location);
  const labels = file?.labels ?? defaultLabels(config.classes);
  return {
    name,
    config,
    labels,
    weights,
    dtype: fileDtype(stored),
    matrices: int8Matrices(stored, location),
  };
}

/** Float32 numbers that training changes by gradients: batch norm's running statistics are not counted. */
export function parameterCount(weights: TensorMap): number {
  return Array.from(weights).reduce((sum, [name, { data }]) => (isBuffer(name) ? sum : sum + data.length), 0);
}
