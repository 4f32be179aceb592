// Config JSON: a model's sizes and labels under Hugging Face's field names, read liberally and written in full.

import { VitrineError } from "../../errors.js";
import { type DeitConfig, IMAGENET_MEAN, IMAGENET_STD } from "../config.js";
import {
  channels,
  type Fields,
  isFields,
  labelFields,
  parseFields,
  positiveNumber,
  readLabels,
  refuse,
  wholeNumber,
} from "../config-fields.js";

export interface ConfigFile {
  /** What the file says; fields that it leaves out are absent. */
  sizes: Partial<DeitConfig>;
  /** Class names in index order, where the file names them. */
  labels?: string[];
  /** timm's name for the model (`architecture` of timm's own files), where the file gives it. */
  architecture?: string;
}

/** Field of config.json → ours. */
const WHOLE_NUMBERS: readonly [field: string, size: keyof DeitConfig][] = [
  ["patch_size", "patchSize"],
  ["image_size", "imageSize"],
  ["hidden_size", "dim"],
  ["num_hidden_layers", "depth"],
  ["num_attention_heads", "heads"],
  ["intermediate_size", "mlpDim"],
];

/** What these models are; a file that says otherwise describes another one. */
const FIXED: readonly [field: string, value: unknown][] = [
  ["num_channels", 3],
  ["hidden_act", "gelu"],
  ["qkv_bias", true],
];

const MODEL_TYPES = ["deit", "vit"];

function checkKind(fields: Fields, subject: string): void {
  const type = fields.model_type;
  if (type !== undefined && !MODEL_TYPES.includes(String(type)))
    throw refuse(
      subject,
      "model_type",
      type,
      `${MODEL_TYPES.join(", ")} (a RegNetY can teach and classify; what is trained is a DeiT)`,
    );
  for (const [field, value] of FIXED)
    if (fields[field] !== undefined && fields[field] !== value)
      throw refuse(subject, field, fields[field], JSON.stringify(value));
}

function readDistilled(fields: Fields): boolean | undefined {
  const { architectures } = fields;
  if (!Array.isArray(architectures) || architectures.length === 0) return undefined;
  return architectures.some((name) => String(name).endsWith("WithTeacher"));
}

/** Reads the text of a config.json; `subject` names it in errors. Throws `model/config`. */
export function readConfigJson(text: string, subject: string): ConfigFile {
  const fields = parseFields(text, subject);
  checkKind(fields, subject);
  // timm's own files keep the input's description one level down.
  const input = isFields(fields.pretrained_cfg) ? { ...fields.pretrained_cfg, ...fields } : fields;
  const labels = readLabels(fields, subject);
  const given: Partial<Record<keyof DeitConfig, unknown>> = {
    ...Object.fromEntries(WHOLE_NUMBERS.map(([field, size]) => [size, wholeNumber(fields, field, subject)])),
    classes:
      wholeNumber(fields, "num_labels", subject) ??
      wholeNumber(fields, "num_classes", subject) ??
      labels?.length,
    distilled: readDistilled(fields),
    layerNormEpsilon: positiveNumber(fields, "layer_norm_eps", subject),
    mean: channels(fields, "image_mean", subject) ?? channels(input, "mean", subject),
    std: channels(fields, "image_std", subject) ?? channels(input, "std", subject),
    cropRatio: positiveNumber(input, "crop_pct", subject),
  };
  const sizes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { classes } = given;
  if (labels && labels.length !== classes)
    throw refuse(subject, "num_labels", classes, `${labels.length}, the number of names in id2label`);
  const architecture = typeof fields.architecture === "string" ? fields.architecture : undefined;
  return {
    sizes: sizes as Partial<DeitConfig>,
    ...(labels && { labels }),
    ...(architecture && { architecture }),
  };
}

const REQUIRED = ["imageSize", "patchSize", "dim", "depth", "heads", "classes"] as const;

/**
 * Fills in what every published DeiT has: MLP ratio 4, plain, LayerNorm ε 1e-6, ImageNet's mean and deviation, crop
 * 0.875. Throws `model/config` where a size that has no default is absent.
 */
export function completeConfig(sizes: Partial<DeitConfig>, subject: string): DeitConfig {
  for (const size of REQUIRED) {
    if (sizes[size] !== undefined) continue;
    const field = WHOLE_NUMBERS.find(([, ours]) => ours === size)?.[0] ?? "num_labels";
    throw new VitrineError("model/config", `${subject}: ${field} is missing`, {
      details: { file: subject, field },
    });
  }
  return {
    mlpDim: 4 * (sizes.dim as number),
    distilled: false,
    layerNormEpsilon: 1e-6,
    mean: [...IMAGENET_MEAN],
    std: [...IMAGENET_STD],
    cropRatio: 0.875,
    ...sizes,
  } as DeitConfig;
}

/** config.json of a model, with a line's end. Fields beyond Hugging Face's: image_mean, image_std, crop_pct. */
export function writeConfigJson(config: DeitConfig, labels: readonly string[]): string {
  const fields: Fields = {
    model_type: config.distilled ? "deit" : "vit",
    architectures: [config.distilled ? "DeiTForImageClassificationWithTeacher" : "ViTForImageClassification"],
    ...Object.fromEntries(WHOLE_NUMBERS.map(([field, size]) => [field, config[size]])),
    ...Object.fromEntries(FIXED),
    layer_norm_eps: config.layerNormEpsilon,
    num_labels: config.classes,
    ...labelFields(labels),
    image_mean: config.mean,
    image_std: config.std,
    crop_pct: config.cropRatio,
    weights_layout: "timm",
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}
