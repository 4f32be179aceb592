// Open classifier: a model of either family from its files: a DeiT, or the RegNetY that may be its teacher.

import { VitrineError } from "../errors.js";
import { CONFIG_FILE, type ModelSource, PREPROCESSOR_FILE, WEIGHTS_FILE } from "../host/host.js";
import type { ModelConfig } from "../models/families.js";
import { defaultLabels } from "../models/labels.js";
import { readPreprocessorJson } from "../models/preprocessor-json.js";
import {
  publishedRegnety,
  REGNETY_DEFAULTS,
  REGNETY_NAMES,
  type RegnetyConfig,
} from "../models/regnety/config.js";
import { isRegnetyJson, type RegnetyFile, readRegnetyJson } from "../models/regnety/family.js";
import { regnetyFromShapes, STEM, unwrapped } from "../models/regnety/from-shapes.js";
import { regnetyParameters } from "../models/regnety/parameters.js";
import { checkShapes } from "../weights/check-shapes.js";
import { floatTensors, int8Matrices, readSafetensors, type SafetensorsFile } from "../weights/safetensors.js";
import { readSafetensorsHeader } from "../weights/safetensors-header.js";
import type { TensorMap } from "../weights/tensor-map.js";
import { fileDtype } from "../weights/weight-dtype.js";
import { type OpenModel, openModel } from "./open-model.js";

/** As `OpenModel`, of either family. */
export type OpenClassifier = Omit<OpenModel, "config"> & { config: ModelConfig };

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

async function readFile(source: ModelSource): Promise<SafetensorsFile> {
  return readSafetensors(await readWeights(source), source.location);
}

/** The header says enough. */
async function hasStem(source: ModelSource): Promise<boolean> {
  const { entries } = readSafetensorsHeader(await readWeights(source), source.location);
  return entries.some(({ name }) => STEM.test(name));
}

/** A source that reads its weights once, whoever asks: a file may have gigabytes. */
function readingOnce(source: ModelSource): ModelSource {
  let weights: ReturnType<ModelSource["read"]> | undefined;
  const read = (file: string) => {
    if (file !== WEIGHTS_FILE) return source.read(file);
    weights ??= source.read(file);
    return weights;
  };
  return { name: source.name, location: source.location, read };
}

/**
 * The family is config.json's to say; without one, the tensors'. Throws what `openModel` throws.
 */
export async function openClassifier(given: ModelSource): Promise<OpenClassifier> {
  const source = readingOnce(given);
  const text = await readText(source, CONFIG_FILE);
  if (text !== null)
    return isRegnetyJson(text, `${source.location}: ${CONFIG_FILE}`)
      ? openRegnety(source, text, await readFile(source))
      : openModel(source);
  return (await hasStem(source)) ? openRegnety(source, null, await readFile(source)) : openModel(source);
}

/** Defaults, then what a timm name stands for, then the tensors, then the file beside config.json, then config.json. */
async function openRegnety(
  source: ModelSource,
  text: string | null,
  stored: SafetensorsFile,
): Promise<OpenClassifier> {
  const { name, location } = source;
  const weights: TensorMap = unwrapped(floatTensors(stored, location));
  const file: RegnetyFile | null =
    text === null ? null : readRegnetyJson(text, `${location}: ${CONFIG_FILE}`);
  const known = REGNETY_NAMES.find((entry) => (file ? file.architecture : name)?.includes(entry));
  const input = text === null ? null : await readText(source, PREPROCESSOR_FILE);
  const config = {
    ...structuredClone(REGNETY_DEFAULTS),
    ...(known === undefined ? {} : publishedRegnety(known)),
    ...regnetyFromShapes(weights, location),
    ...(input === null ? {} : readPreprocessorJson(input, `${location}: ${PREPROCESSOR_FILE}`)),
    ...file?.sizes,
  } as RegnetyConfig;
  checkShapes(weights, regnetyParameters(config), location);
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
