// Convert: a model's files with its weights in another dtype, for a disk or for the wire.

import { CONFIG_FILE, WEIGHTS_FILE } from "../host/host.js";
import { checkDtype, familyOf, writeConfigJson } from "../models/families.js";
import { withBatchCounts } from "../weights/batch-counts.js";
import { writeSafetensors } from "../weights/safetensors.js";
import { storedTensors, toDtype, type WeightDtype } from "../weights/weight-dtype.js";
import type { StoredModel } from "./stored-model.js";

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
