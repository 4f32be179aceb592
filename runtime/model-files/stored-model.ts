// Stored model: a model as its files hold it, read and checked. Computes nothing; load-model.ts puts it on an executor.

import { VitrineError } from "../errors.js";
import { CONFIG_FILE, type ModelSource, PREPROCESSOR_FILE, WEIGHTS_FILE } from "../host/host.js";
import type { ConfigFile } from "../models/config-fields.js";
import {
  FAMILIES,
  familyOf,
  type ModelConfig,
  readFamilyFile,
  TRAINABLE_FAMILIES,
  type TrainableConfig,
} from "../models/families.js";
import type { ModelFamily } from "../models/family.js";
import { defaultLabels } from "../models/labels.js";
import { readPreprocessorJson } from "../models/preprocessor-json.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";
import { floatTensors, int8Matrices, readSafetensors } from "../weights/safetensors.js";
import { checkShapes, type NamedTensor, type TensorMap } from "../weights/tensor-map.js";
import { fileDtype, type WeightDtype } from "../weights/weight-dtype.js";

/** A model as its files hold it, read and checked, in host memory. */
export interface StoredModel<C extends ModelConfig = ModelConfig> {
  /** Of the folder or file. */
  name: string;
  config: C;
  /** Class names in index order, [classes]. */
  labels: string[];
  /** Float32 under timm's names; exactly the tensors that `config` asks for. */
  weights: TensorMap;
  /** The type that the file keeps them in; `weights` are widened to float32. */
  dtype: WeightDtype;
  /** Weights that the file holds as int8 matrices, by name. */
  matrices: ReadonlyMap<string, Int8Matrix>;
}

/**
 * Reads a model of any family. Sizes come from config.json and the preprocessor_config.json beside it; without one from
 * a published name in the source's own, and else from the tensors' shapes (a DeiT's head dimension is then 64). Throws
 * `model/no-model` where model.safetensors is missing, `model/config`, `weights/safetensors`, and `weights/…` with the
 * first tensor that does not fit.
 */
export async function readModel(source: ModelSource): Promise<StoredModel> {
  return readOneOf(source, FAMILIES);
}

/** As `readModel`, of a model that can be trained. Throws `model/config` for another. */
export async function readTrainableModel(source: ModelSource): Promise<StoredModel<TrainableConfig>> {
  return readOneOf(source, TRAINABLE_FAMILIES);
}

async function readOneOf<C extends ModelConfig>(
  source: ModelSource,
  families: readonly ModelFamily<C>[],
): Promise<StoredModel<C>> {
  const { name, location } = source;
  const text = await readText(source, CONFIG_FILE);
  const file = text === null ? null : readFamilyFile(text, `${location}: ${CONFIG_FILE}`, families);
  const input = file && (await readInput(source, file));
  const stored = readSafetensors(await readWeights(source), location);
  const family = file?.family ?? families.find((entry) => entry.hasTensors(stored.tensors.keys()));
  if (!family) throw new VitrineError("model/config", `${location}: its tensors are of no known model`);

  const weights = family.toTimmNames(floatTensors(stored, location), location);
  const sizes = {
    ...family.sizesFromShapes(weights, location),
    ...family.sizesOfName((file ? file.architecture : name) ?? ""),
    ...input,
    ...file?.sizes,
  } as Partial<C>;
  const config = family.completeConfig(sizes, location);
  checkShapes(weights, family.parameters(config), location);
  const labels = file?.labels ?? defaultLabels(config.classes);
  const matrices = int8Matrices(stored, location);
  return { name, config, labels, weights, dtype: fileDtype(stored), matrices };
}

async function readText(source: ModelSource, file: string): Promise<string | null> {
  const bytes = await source.read(file);
  return bytes && new TextDecoder().decode(bytes);
}

async function readWeights(source: ModelSource): Promise<Uint8Array> {
  const { location } = source;
  const bytes = await source.read(WEIGHTS_FILE);
  if (bytes) return bytes;
  throw new VitrineError("model/no-model", `${location}: no ${WEIGHTS_FILE}`, { details: { location } });
}

/** The preprocessor_config.json beside a config.json; not read where config.json itself describes the whole input. */
async function readInput(source: ModelSource, { sizes }: ConfigFile<ModelConfig>) {
  if (sizes.mean && sizes.std && sizes.cropRatio !== undefined) return null;
  const text = await readText(source, PREPROCESSOR_FILE);
  return text === null ? null : readPreprocessorJson(text, `${source.location}: ${PREPROCESSOR_FILE}`);
}

/**
 * The same model with its classes in another order: the rows of its heads move, and with them its logits, bit for bit.
 * `order`: for each place the index of the class that moves there, a permutation.
 */
export function inClassOrder(model: StoredModel, order: Int32Array): StoredModel {
  const weights = new Map(model.weights);
  for (const head of familyOf(model.config).headNames(model.config))
    for (const name of [`${head}.weight`, `${head}.bias`])
      weights.set(name, rowsInOrder(weights.get(name) as NamedTensor, order));
  return { ...model, weights, labels: Array.from(order, (index) => model.labels[index]) };
}

function rowsInOrder({ shape, data }: NamedTensor, order: Int32Array): NamedTensor {
  const width = data.length / order.length;
  const moved = new Float32Array(data.length);
  order.forEach((from, to) => {
    moved.set(data.subarray(from * width, (from + 1) * width), to * width);
  });
  return { shape, data: moved };
}
