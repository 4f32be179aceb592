// RegNetY JSON: a RegNetY's config.json, by the paper's four numbers or stage by stage, as Hugging Face has it.

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
import { type RegnetyConfig, type RegnetyStage, regnetStages } from "./config.js";

export interface RegnetyFile {
  /** What the file says; fields that it leaves out are absent. */
  sizes: Partial<RegnetyConfig>;
  /** Class names in index order, where the file names them. */
  labels?: string[];
  /** timm's name for the model, where the file gives it. */
  architecture?: string;
}

const MODEL_TYPES = ["regnety", "regnet"];

/** What timm's RegNetY is; a file that says otherwise describes another network. */
const FIXED: readonly [field: string, value: unknown][] = [
  ["layer_type", "y"],
  ["bottle_ratio", 1],
  ["hidden_act", "relu"],
  ["num_channels", 3],
];

/** True where the text of a config.json is a RegNetY's. Throws `model/config` where it is no JSON object. */
export function isRegnetyJson(text: string, subject: string): boolean {
  const { model_type: type, architecture } = parseFields(text, subject);
  return MODEL_TYPES.includes(String(type)) || /^regnety_/.test(String(architecture));
}

/** A list of whole numbers above 0; undefined where the field is absent. */
function wholeNumbers(fields: Fields, field: string, subject: string): number[] | undefined {
  const value = fields[field];
  if (value === undefined) return undefined;
  const valid = Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry > 0);
  if (!valid || value.length === 0) throw refuse(subject, field, value, "a list of whole numbers above 0");
  return value as number[];
}

function readStages(fields: Fields, subject: string): RegnetyStage[] | undefined {
  const widths = wholeNumbers(fields, "hidden_sizes", subject);
  const depths = wholeNumbers(fields, "depths", subject);
  if (widths && depths) {
    if (widths.length !== depths.length)
      throw refuse(subject, "depths", depths, `${widths.length} numbers, as in hidden_sizes`);
    return widths.map((width, stage) => ({ width, depth: depths[stage] as number }));
  }
  const [w0, wa, wm] = ["w0", "wa", "wm"].map((field) => positiveNumber(fields, field, subject));
  const groupWidth = wholeNumber(fields, "group_w", subject);
  const depth = wholeNumber(fields, "depth", subject);
  if (!w0 || !wa || !wm || !groupWidth || !depth) return undefined;
  return regnetStages({ w0, wa, wm, groupWidth, depth });
}

/** Reads the text of a RegNetY's config.json; `subject` names it in errors. Throws `model/config`. */
export function readRegnetyJson(text: string, subject: string): RegnetyFile {
  const fields = parseFields(text, subject);
  for (const [field, value] of FIXED)
    if (fields[field] !== undefined && fields[field] !== value)
      throw refuse(subject, field, fields[field], JSON.stringify(value));
  const input = isFields(fields.pretrained_cfg) ? { ...fields.pretrained_cfg, ...fields } : fields;
  const labels = readLabels(fields, subject);
  const classes =
    wholeNumber(fields, "num_labels", subject) ??
    wholeNumber(fields, "num_classes", subject) ??
    labels?.length;
  if (labels && labels.length !== classes)
    throw refuse(subject, "num_labels", classes, `${labels.length}, the number of names in id2label`);
  const given: Partial<Record<keyof RegnetyConfig, unknown>> = {
    imageSize: wholeNumber(fields, "image_size", subject),
    classes,
    stemWidth: wholeNumber(fields, "stem_width", subject) ?? wholeNumber(fields, "embedding_size", subject),
    groupWidth: wholeNumber(fields, "group_w", subject) ?? wholeNumber(fields, "groups_width", subject),
    stages: readStages(fields, subject),
    seRatio: positiveNumber(fields, "se_ratio", subject),
    mean: channels(fields, "image_mean", subject) ?? channels(input, "mean", subject),
    std: channels(fields, "image_std", subject) ?? channels(input, "std", subject),
    cropRatio: positiveNumber(input, "crop_pct", subject),
  };
  const sizes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { architecture } = fields;
  return {
    sizes: sizes as Partial<RegnetyConfig>,
    ...(labels && { labels }),
    ...(typeof architecture === "string" && { architecture }),
  };
}

/** config.json of a RegNetY, with a line's end; Hugging Face's names where it has one. */
export function writeRegnetyJson(config: RegnetyConfig, labels: readonly string[]): string {
  const fields: Fields = {
    model_type: "regnety",
    ...Object.fromEntries(FIXED),
    image_size: config.imageSize,
    embedding_size: config.stemWidth,
    hidden_sizes: config.stages.map(({ width }) => width),
    depths: config.stages.map(({ depth }) => depth),
    groups_width: config.groupWidth,
    se_ratio: config.seRatio,
    num_labels: config.classes,
    ...labelFields(labels),
    image_mean: config.mean,
    image_std: config.std,
    crop_pct: config.cropRatio,
    weights_layout: "timm",
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}
