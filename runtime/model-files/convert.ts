// Convert model: a model's files with its weights in another dtype, for a disk or for the wire.

import { VitrineError } from "../errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../host/host.js";
import { int8Layers } from "../models/deit/parameters.js";
import { writeModelJson } from "../models/families.js";
import { isRegnety } from "../models/regnety/config.js";
import { writeSafetensors } from "../weights/safetensors.js";
import { storedTensors, toDtype, type WeightDtype } from "../weights/weight-dtype.js";
import type { OpenClassifier } from "./read-model.js";

/** Throws `model/dtype` where a model of this family has no int8 layers. */
export function checkDtype({ name, config }: OpenClassifier, dtype: WeightDtype): void {
  if (dtype !== "int8" || !isRegnety(config)) return;
  const text = `${name}: int8 is there for DeiT; allowed for a RegNetY: f32, f16 (--dtype)`;
  throw new VitrineError("model/dtype", text, { details: { dtype } });
}

/**
 * File name → bytes: `model.safetensors` under timm's names and `config.json` with the dtype in it. int8 matrices that the model
 * was read with stay as they are. Throws `model/dtype`, and `weights/float16` where a number is too large for it.
 */
export function convertModel(
  model: OpenClassifier,
  dtype: WeightDtype,
): Map<string, Uint8Array<ArrayBuffer>> {
  checkDtype(model, dtype);
  const { config, labels, weights, matrices } = model;
  const layers = isRegnety(config) ? new Set<string>() : int8Layers(config);
  const tensors = storedTensors(toDtype(weights, dtype, layers, matrices), dtype);
  // Hugging Face's field, by its older and its newer name.
  const fields = { ...JSON.parse(writeModelJson(config, labels)), torch_dtype: dtype, dtype };
  return new Map([
    [WEIGHTS_FILE, writeSafetensors(tensors, { format: "pt" })],
    [CONFIG_FILE, new TextEncoder().encode(`${JSON.stringify(fields, null, 2)}\n`)],
  ]);
}
