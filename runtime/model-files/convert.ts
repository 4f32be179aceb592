// Convert: a model's files with its weights in another dtype, for a disk or for the wire.

import { CONFIG_FILE, WEIGHTS_FILE } from "../host/host.js";
import { checkDtype, familyOf, writeConfigJson } from "../models/families.js";
import { withBatchCounts } from "../weights/batch-counts.js";
import { writeSafetensors } from "../weights/safetensors.js";
import { storedTensors, toDtype, type WeightDtype } from "../weights/weight-dtype.js";
import type { StoredModel } from "./stored-model.js";

/** Formats among which a page chooses by its visitor's connection: `weight_files` of config.json. */
export const OFFERED_DTYPES: readonly WeightDtype[] = ["float32", "float16", "int8"];

/** What config.json says of a file of weights beside it. */
export interface OfferedWeights {
  file: string;
  bytes: number;
  /** In hexadecimal digits. */
  sha256: string;
}

/** `model.safetensors` for the format that the folder is in, else a file that is named by its format. */
export function offeredFile(dtype: WeightDtype, main: WeightDtype): string {
  return dtype === main ? WEIGHTS_FILE : `model.${dtype}.safetensors`;
}

/** config.json with the files that the folder offers, by format. */
export function withOfferedWeights(
  config: Uint8Array,
  offered: ReadonlyMap<WeightDtype, OfferedWeights>,
): Uint8Array<ArrayBuffer> {
  const fields = JSON.parse(new TextDecoder().decode(config));
  const text = JSON.stringify({ ...fields, weight_files: Object.fromEntries(offered) }, null, 2);
  return new TextEncoder().encode(`${text}\n`);
}

/**
 * A model's files with its weights in `dtype`, file name → bytes: `model.safetensors` under timm's names, and
 * `config.json` with the dtype in it. int8 matrices that the model was read with are kept as they are. Throws
 * `model/dtype` where the family has no int8 layers, and `weights/float16` where a value is too large for float16.
 */
export function convertModel(model: StoredModel, dtype: WeightDtype): Map<string, Uint8Array<ArrayBuffer>> {
  checkDtype(model, dtype);
  const { config, labels, weights, matrices } = model;
  const layers = familyOf(config).int8Layers(config);
  const converted = storedTensors(toDtype(weights, dtype, layers, matrices), dtype);
  const tensors = withBatchCounts(converted, model.batchesTracked);
  // Hugging Face's field, by its older and its newer name.
  const fields = { ...JSON.parse(writeConfigJson(config, labels)), torch_dtype: dtype, dtype };
  return new Map([
    [WEIGHTS_FILE, writeSafetensors(tensors, { format: "pt" })],
    [CONFIG_FILE, new TextEncoder().encode(`${JSON.stringify(fields, null, 2)}\n`)],
  ]);
}
