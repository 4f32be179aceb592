// Export: a model's files in the formats of other projects: Hugging Face's transformers, timm, PyTorch and ONNX.

import { VitrineError } from "../errors.js";
import { CONFIG_FILE, PREPROCESSOR_FILE, WEIGHTS_FILE } from "../host/host.js";
import type { Fields } from "../models/config-fields.js";
import { familyOf } from "../models/families.js";
import { preprocessorFields } from "../models/preprocessor-json.js";
import { modelToOnnx } from "../onnx/model.js";
import { withBatchCounts } from "../weights/batch-counts.js";
import { writeSafetensors } from "../weights/safetensors.js";
import { writeTorchFile } from "../weights/torch-writer.js";
import { type FloatDtype, storedFloatsAs } from "../weights/weight-dtype.js";
import type { StoredModel } from "./stored-model.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a format's writer gives. */
export interface ExportedModel {
  /** The format's file, or the files of its folder by name. */
  content: Bytes | Map<string, Bytes>;
  /** Sentences about what the format does not hold. */
  notices: readonly string[];
}

function json(fields: Fields): Bytes {
  return new TextEncoder().encode(`${JSON.stringify(fields, null, 2)}\n`);
}

function unsupported(model: StoredModel, format: string, allowed: string): VitrineError {
  const { name } = familyOf(model.config);
  const text = `a ${name} cannot be exported as ${format} yet; allowed: ${allowed} (--format)`;
  return new VitrineError("export/unsupported", text, { details: { format, family: name } });
}

/** A folder for transformers' `from_pretrained`, with an image processor that gives the evaluation's input. */
function toHuggingFace(model: StoredModel, dtype: FloatDtype): ExportedModel {
  const { config, labels, weights } = model;
  if (config.cropMode === "border") {
    const text =
      "a model that is evaluated with crop_mode border cannot be exported as hf, which has no processor for it; " +
      "allowed: timm, pth, onnx (--format)";
    throw new VitrineError("export/unsupported", text, { details: { format: "hf", property: "cropMode" } });
  }
  const described = familyOf(config).toHuggingFace?.(config, weights);
  if (!described) throw unsupported(model, "hf", "timm, pth, onnx");
  const fields = {
    ...described.fields,
    id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    // The older and the newer name of the field.
    torch_dtype: dtype,
    dtype,
    // transformers keeps fields that it does not know; whole pixels give the ratio only roughly.
    crop_pct: config.cropRatio,
  };
  const tensors = storedFloatsAs(described.tensors, dtype);
  const content = new Map([
    [WEIGHTS_FILE, writeSafetensors(withBatchCounts(tensors, model.batchesTracked), { format: "pt" })],
    [CONFIG_FILE, json(fields)],
    [PREPROCESSOR_FILE, json(preprocessorFields(config))],
  ]);
  return { content, notices: [] };
}

/** A folder for `timm.create_model("local-dir:FOLDER", pretrained=True)`. */
function toTimm(model: StoredModel, dtype: FloatDtype): ExportedModel {
  const { config, labels, weights } = model;
  const family = familyOf(config);
  const described = family.toTimm?.(config);
  if (!described) throw unsupported(model, "timm", "pth, onnx");
  const heads = family.headNames(config);
  const fields = {
    architecture: described.architecture,
    num_classes: config.classes,
    num_features: described.features,
    global_pool: described.globalPool,
    ...(Object.keys(described.modelArgs).length > 0 && { model_args: described.modelArgs }),
    ...described.otherFields,
    pretrained_cfg: {
      custom_load: false,
      input_size: [3, config.imageSize, config.imageSize],
      fixed_input_size: described.globalPool === "token",
      interpolation: config.interpolation ?? "bicubic",
      crop_pct: config.cropRatio,
      crop_mode: config.cropMode ?? "center",
      mean: config.mean,
      std: config.std,
      num_classes: config.classes,
      pool_size: null,
      first_conv: described.firstConvolution,
      classifier: heads.length === 1 ? heads[0] : heads,
    },
    label_names: labels,
  };
  const content = new Map([
    [WEIGHTS_FILE, writeSafetensors(storedFloatsAs(weights, dtype), { format: "pt" })],
    [CONFIG_FILE, json(fields)],
  ]);
  return { content, notices: described.notices };
}

function toTorch({ weights }: StoredModel, dtype: FloatDtype): ExportedModel {
  const notice =
    "a PyTorch file holds tensors only: neither class names nor the input's size and normalization";
  return { content: writeTorchFile(storedFloatsAs(weights, dtype)), notices: [notice] };
}

function toOnnx(model: StoredModel, dtype: FloatDtype): ExportedModel {
  return { content: modelToOnnx(model, dtype), notices: [] };
}

const EXPORTERS = {
  hf: { toFolder: true, write: toHuggingFace },
  timm: { toFolder: true, write: toTimm },
  pth: { toFolder: false, write: toTorch },
  onnx: { toFolder: false, write: toOnnx },
} as const;

export type ExportFormat = keyof typeof EXPORTERS;

export const EXPORT_FORMATS = Object.keys(EXPORTERS) as readonly ExportFormat[];

/** Whether a format is a folder of files, or else one file. */
export function isFolderFormat(format: ExportFormat): boolean {
  return EXPORTERS[format].toFolder;
}

/**
 * A model in the format of another project: `hf`, a folder for Hugging Face's transformers; `timm`, a folder for timm;
 * `pth`, a PyTorch file {"model": state_dict} under timm's names; `onnx`, pixel_values [batch, 3, size, size], float32
 * and normalized, → logits [batch, classes]. The same model gives the same bytes. Throws `export/unsupported` where a
 * format cannot describe it, `export/too-large`, and `weights/float16` for a value that float16 cannot hold.
 */
export function exportModel(model: StoredModel, format: ExportFormat, dtype: FloatDtype): ExportedModel {
  return EXPORTERS[format].write(model, dtype);
}
