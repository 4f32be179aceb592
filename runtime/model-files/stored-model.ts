// Stored model: a model as its files hold it, read and checked. Computes nothing; load-model.ts puts it on an executor.

import { quote, VitrineError } from "../errors.js";
import {
  CONFIG_FILE,
  INDEX_FILE,
  type ModelSource,
  PREPROCESSOR_FILE,
  TORCH_WEIGHTS_FILE,
  WEIGHTS_FILE,
} from "../host/host.js";
import { type ConfigFile, isFields, parseFields, refuse } from "../models/config-fields.js";
import { FAMILIES, familyOf, type ModelConfig, readFamilyFile } from "../models/families.js";
import { defaultLabels } from "../models/labels.js";
import { checkPreprocessorJson, readPreprocessorJson } from "../models/preprocessor-json.js";
import { batchCount } from "../weights/batch-counts.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";
import { floatTensors, int8Matrices } from "../weights/safetensors.js";
import { checkShapes, type NamedTensor, type TensorMap } from "../weights/tensor-map.js";
import type { WeightFileOptions } from "../weights/torch-file.js";
import { fileDtype, type WeightDtype } from "../weights/weight-dtype.js";
import { readWeightFile, type WeightFile } from "../weights/weight-file.js";

/** A model as its files hold it, read and checked, in host memory. */
export interface StoredModel {
  /** Of the folder or file. */
  name: string;
  config: ModelConfig;
  /** Class names in index order, [classes]. */
  labels: string[];
  /** Float32 under timm's names; exactly the tensors that `config` asks for. */
  weights: TensorMap;
  /** Batches that batch norm's running statistics have seen, timm's num_batches_tracked; 0 where there are none. */
  batchesTracked: number;
  /** The type that the file keeps them in; `weights` are widened to float32. */
  dtype: WeightDtype;
  /** Weights that the file holds as int8 matrices, by name. */
  matrices: ReadonlyMap<string, Int8Matrix>;
  /** What was chosen in the files where they leave a choice, for people. */
  notices: readonly string[];
  /** The files of which weights are views; none where they are copies. */
  files?: readonly Uint8Array[];
}

/** What a model is read for. */
export interface ReadingOptions extends WeightFileOptions {
  /**
   * Read a backbone without heads, too: its configuration then has one class, it has no labels, and its weights lack
   * the heads. Default false: a typed error.
   */
  headless?: boolean;
}

/**
 * Reads a model of any family. Sizes come from config.json and the preprocessor_config.json beside it; without one from
 * a published name in the source's own, and else from the tensors' shapes (a DeiT's head dimension is then 64). Throws
 * `model/no-model` where model.safetensors is missing, `model/config`, `weights/safetensors`, and `weights/…` with the
 * first tensor that does not fit.
 */
export async function readModel(source: ModelSource, options: ReadingOptions = {}): Promise<StoredModel> {
  const { name, location } = source;
  const text = await readText(source, CONFIG_FILE);
  const file = text === null ? null : readFamilyFile(text, `${location}: ${CONFIG_FILE}`);
  // The weights arrive while what is beside config.json is read.
  const reading = readWeights(source);
  reading.catch(() => {});
  const input = file && (await readInput(source, file));
  const files = await reading;
  const stored = joinFiles(files, location, options);
  const family = file?.family ?? FAMILIES.find((entry) => entry.hasTensors(stored.tensors.keys()));
  if (!family) throw new VitrineError("model/config", `${location}: its tensors are of no known model`);

  const weights = family.toTimmNames(floatTensors(stored, location), location);
  const sizes = {
    ...family.sizesFromShapes(weights, location),
    ...family.sizesOfName((file ? file.architecture : name) ?? ""),
    ...input,
    ...file?.sizes,
  } as Partial<ModelConfig>;
  const config = family.completeConfig({ classes: 1, ...sizes }, location);
  const heads = family.headNames(config).map((head) => `${head}.weight`);
  const headless = heads.every((head) => !weights.has(head));
  if (headless && options.headless !== true) throw noHead(heads[0], location);
  checkDepth(family.blockCount(config), weights, location);
  family.checkConfig(config, file ? `${location}: ${CONFIG_FILE}` : location);
  const parameters = new Map(family.parameters(config));
  if (headless)
    for (const name of parameters.keys())
      if (heads.includes(name.replace(/bias$/, "weight"))) parameters.delete(name);
  checkShapes(weights, parameters, location);
  checkFinite(weights, location);
  const labels = headless ? [] : (file?.labels ?? defaultLabels(config.classes));
  const matrices = int8Matrices(stored, location);
  const notices = stored.notices.map((text) => `${quote(location)}: ${text}`);
  const batchesTracked = batchCount(stored.tensors);
  const model = {
    name,
    config,
    labels,
    weights,
    batchesTracked,
    dtype: fileDtype(stored),
    matrices,
    notices,
  };
  return options.views ? { ...model, files: [...files.values()] } : model;
}

/**
 * Frees the host memory of weights that are on a device, without waiting for the garbage collector: neither they nor the
 * files of which they are views can be used afterward. Engines without `ArrayBuffer.transfer` keep the memory until then.
 */
export function releaseWeights({ weights, matrices, files = [] }: StoredModel): void {
  const arrays: ArrayBufferView[] = [...files, ...Array.from(weights.values(), ({ data }) => data)];
  for (const { values, scales } of matrices.values()) arrays.push(scales, values);
  for (const buffer of new Set(arrays.map((array) => array.buffer)))
    (buffer as { transfer?(bytes: number): ArrayBuffer }).transfer?.(0);
}

function noHead(head: string, location: string): VitrineError {
  const text =
    `${location}: a backbone without a head: tensor "${quote(head)}" is missing; ` +
    "it cannot classify, but a new head can be trained on it (vitrine train --init)";
  return new VitrineError("weights/missing-tensor", text, { details: { file: location, tensor: head } });
}

/** Every block has a tensor: a claim of more blocks is refused before a list of their tensors is made. */
function checkDepth(blocks: number, weights: TensorMap, subject: string): void {
  if (blocks <= weights.size) return;
  const text = `${subject}: a model of ${blocks} blocks needs at least as many tensors, the file holds ${weights.size}`;
  throw new VitrineError("weights/missing-tensor", text, { details: { file: subject } });
}

/** Of all numbers, only NaN and infinity minus themselves are not 0: the sum then is NaN. */
function allFinite(data: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i] - data[i];
  return sum === 0;
}

function checkFinite(weights: TensorMap, subject: string): void {
  for (const [name, { data }] of weights) {
    if (allFinite(data)) continue;
    const place = data.findIndex((value) => !Number.isFinite(value));
    const text = `${subject}: tensor "${quote(name)}" holds ${data[place]}: its training diverged, or the file is damaged`;
    throw new VitrineError("weights/not-finite", text, { details: { file: subject, tensor: name } });
  }
}

async function readText(source: ModelSource, file: string): Promise<string | null> {
  const bytes = await source.read(file);
  return bytes && new TextDecoder().decode(bytes);
}

/** Name for messages → bytes. */
type WeightBytes = Map<string, Uint8Array>;

/**
 * The bytes of a model's weights: model.safetensors, else the files that model.safetensors.index.json names, else
 * pytorch_model.bin. Throws `model/no-model` and `model/config`.
 */
export async function readWeights(source: ModelSource): Promise<WeightBytes> {
  const { location } = source;
  const single = await source.read(WEIGHTS_FILE);
  if (single) return new Map([[location, single]]);
  const index = await readText(source, INDEX_FILE);
  if (index !== null) return readShards(source, index);
  const torch = await source.read(TORCH_WEIGHTS_FILE);
  if (torch) return new Map([[`${location}: ${TORCH_WEIGHTS_FILE}`, torch]]);
  const why = source.missing?.(WEIGHTS_FILE);
  const text = `${location}: no ${WEIGHTS_FILE}${why === undefined ? "" : ` (${why})`}`;
  throw new VitrineError("model/no-model", text, { details: { location } });
}

/** A file beside the index: no folder, so that an index cannot name others. */
const SHARD = /^[\w.-]+\.safetensors$/;

async function readShards(source: ModelSource, index: string): Promise<WeightBytes> {
  const { location } = source;
  const { weight_map: map } = parseFields(index, `${location}: ${INDEX_FILE}`);
  const names = isFields(map) ? [...new Set(Object.values(map))] : [];
  const files: WeightBytes = new Map();
  for (const name of names) {
    if (typeof name !== "string" || !SHARD.test(name))
      throw refuse(`${location}: ${INDEX_FILE}`, "weight_map", name, "names of .safetensors files beside it");
    const bytes = await source.read(name);
    if (!bytes) {
      const text = `${location}: no ${quote(name)}, which ${INDEX_FILE} names`;
      throw new VitrineError("model/no-model", text, { details: { location } });
    }
    files.set(`${location}: ${name}`, bytes);
  }
  return files;
}

/** The tensors of all files. Throws `weights/duplicate-tensor`. */
function joinFiles(files: WeightBytes, location: string, options?: WeightFileOptions): WeightFile {
  const joined: WeightFile = { tensors: new Map(), metadata: {}, ignored: [], notices: [] };
  for (const [subject, bytes] of files) {
    const file = readWeightFile(bytes, subject, options);
    for (const [name, tensor] of file.tensors) {
      if (joined.tensors.has(name)) {
        const text = `${location}: tensor "${quote(name)}" is in two files`;
        throw new VitrineError("weights/duplicate-tensor", text, {
          details: { file: location, tensor: name },
        });
      }
      joined.tensors.set(name, tensor);
    }
    for (const notice of file.notices) if (!joined.notices.includes(notice)) joined.notices.push(notice);
  }
  return joined;
}

/** The preprocessor_config.json beside a config.json; checked, but not used, where config.json describes the input. */
async function readInput(source: ModelSource, { sizes, modelType }: ConfigFile<ModelConfig>) {
  const text = await readText(source, PREPROCESSOR_FILE);
  if (text === null) return null;
  const subject = `${source.location}: ${PREPROCESSOR_FILE}`;
  if (sizes.mean && sizes.std && sizes.cropRatio !== undefined) {
    checkPreprocessorJson(text, subject);
    return null;
  }
  const input = readPreprocessorJson(text, subject, modelType);
  if (sizes.imageSize !== undefined && input.imageSize !== sizes.imageSize)
    throw refuse(
      subject,
      "the side of its input",
      input.imageSize,
      `${sizes.imageSize}, image_size of config.json`,
    );
  return input;
}

/**
 * The same model for square images of `imageSize` pixels: a DeiT's position embedding is resized as in fine-tuning, a
 * convnet takes any size. Throws `model/config` where the size is not a multiple of the patch size.
 */
export function atImageSize(model: StoredModel, imageSize: number): StoredModel {
  return { ...model, ...familyOf(model.config).atImageSize(model.config, model.weights, imageSize) };
}

/**
 * The same model with other classes of its own, or in another order: the rows of its heads move, and with them its
 * logits, bit for bit. `rows`: for each class of the result the index of the model's class.
 */
export function withClasses(model: StoredModel, rows: Int32Array): StoredModel {
  const weights = new Map(model.weights);
  for (const head of familyOf(model.config).headNames(model.config))
    for (const name of [`${head}.weight`, `${head}.bias`])
      if (weights.has(name)) weights.set(name, selectRows(weights.get(name) as NamedTensor, rows));
  const config = { ...model.config, classes: rows.length };
  return { ...model, config, weights, labels: Array.from(rows, (index) => model.labels[index]) };
}

function selectRows({ shape: [count, ...rest], data }: NamedTensor, rows: Int32Array): NamedTensor {
  const width = data.length / count;
  const selected = new Float32Array(rows.length * width);
  rows.forEach((from, to) => {
    selected.set(data.subarray(from * width, (from + 1) * width), to * width);
  });
  return { shape: [rows.length, ...rest], data: selected };
}
