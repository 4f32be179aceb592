// Model files: one model as each page of the browser bench asks for it, by path.

import { createHash } from "node:crypto";
import { CONFIG_FILE, PREPROCESSOR_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import {
  convertModel,
  OFFERED_DTYPES,
  type OfferedWeights,
  offeredFile,
  withOfferedWeights,
} from "../../runtime/model-files/convert.js";
import { exportModel } from "../../runtime/model-files/export.js";
import type { StoredModel } from "../../runtime/model-files/stored-model.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";

/** A model folder with all formats, as `vitrine convert --also f16,int8` writes it. */
function offeringFolder(model: StoredModel): Map<string, Uint8Array> {
  const folder = new Map<string, Uint8Array>();
  const offered = new Map<WeightDtype, OfferedWeights>();
  for (const dtype of OFFERED_DTYPES) {
    const bytes = convertModel(model, dtype).get(WEIGHTS_FILE) as Uint8Array;
    const file = offeredFile(dtype, "float32");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    folder.set(file, bytes);
    offered.set(dtype, { file, bytes: bytes.length, sha256 });
  }
  const config = convertModel(model, "float32").get(CONFIG_FILE) as Uint8Array;
  return folder.set(CONFIG_FILE, withOfferedWeights(config, offered));
}

/** `/model/` in float32, `/offered/` in all formats, and `/hf/model/` for the peers, in float32. */
export function modelFiles(model: StoredModel): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [name, bytes] of convertModel(model, "float32")) files.set(`/model/${name}`, bytes);
  for (const [name, bytes] of offeringFolder(model)) files.set(`/offered/${name}`, bytes);
  const described = exportModel(model, "hf", "float32").content as Map<string, Uint8Array>;
  for (const name of [CONFIG_FILE, PREPROCESSOR_FILE])
    files.set(`/hf/model/${name}`, described.get(name) as Uint8Array);
  return files.set("/hf/model/onnx/model.onnx", exportModel(model, "onnx", "float32").content as Uint8Array);
}
