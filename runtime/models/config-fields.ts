// Config fields: the values of a config.json, checked one by one, and the part of it that every classifier has.
//
// Field names are Hugging Face's; files of timm, which keep the input's description below `pretrained_cfg`, are read
// too.

import { quote, quoteJson, VitrineError } from "../errors.js";
import type { ClassifierConfig } from "./config.js";
import { LONGEST_LABEL, printable } from "./labels.js";

export type Fields = Record<string, unknown>;

/** A config.json as it is read: fields that the file leaves out are absent. */
export interface ConfigFile<C extends ClassifierConfig> {
  sizes: Partial<C>;
  /** Class names in index order, where the file names them. */
  labels?: string[];
  /** timm's name for the model, where the file gives it. */
  architecture?: string;
  /** Hugging Face's `model_type`, where the file gives it. */
  modelType?: string;
}

/** The error for a field with a value that is not allowed. */
export function refuse(subject: string, field: string, got: unknown, allowed: string): VitrineError {
  const text = `${subject}: ${field} is ${quoteJson(got)}; allowed: ${allowed}`;
  return new VitrineError("model/config", text, { details: { file: subject, field } });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws `model/config` where the text is not a JSON object. */
export function parseFields(text: string, subject: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Reported below, like JSON that is no object.
  }
  if (isFields(parsed)) return parsed;
  throw new VitrineError("model/config", `${subject}: not a JSON object`, { details: { file: subject } });
}

/** Undefined where the field is absent. Throws `model/config` where it is not a number above 0. */
export function positiveNumber(fields: Fields, field: string, subject: string): number | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !(value > 0) || !Number.isFinite(value))
    throw refuse(subject, field, value, "a number above 0");
  return value;
}

/** As `positiveNumber`, of whole numbers. A side may be given as [height, width] of a square. */
export function wholeNumber(fields: Fields, field: string, subject: string): number | undefined {
  const given = fields[field];
  const square = Array.isArray(given) && given.length === 2 && given[0] === given[1];
  if (Array.isArray(given) && !square)
    throw refuse(subject, field, given, "a whole number, or [side, side] of a square");
  const value = positiveNumber(square ? { [field]: given[0] } : fields, field, subject);
  if (value !== undefined && !Number.isSafeInteger(value))
    throw refuse(subject, field, given, "a whole number");
  return value;
}

/** A list of whole numbers above 0; undefined where the field is absent. */
export function wholeNumbers(fields: Fields, field: string, subject: string): number[] | undefined {
  const value = fields[field];
  if (value === undefined) return undefined;
  const valid = Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry > 0);
  if (!valid || value.length === 0) throw refuse(subject, field, value, "a list of whole numbers above 0");
  return value;
}

type Channels = [number, number, number];

/** Beyond any means and deviations of pixels; with larger or smaller ones, float32 inputs are not finite. */
const LARGEST_CHANNEL = 1e6;
const SMALLEST_DEVIATION = 1e-6;

function isChannels(value: unknown): value is Channels {
  return Array.isArray(value) && value.length === 3 && value.every((entry) => Number.isFinite(entry));
}

/** A number per color. */
export function channels(fields: Fields, field: string, subject: string): Channels | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (isChannels(value) && value.every((entry) => Math.abs(entry) <= LARGEST_CHANNEL)) return value;
  throw refuse(subject, field, value, `three numbers from -${LARGEST_CHANNEL} to ${LARGEST_CHANNEL}`);
}

/** As `channels`, to divide by. */
export function deviations(fields: Fields, field: string, subject: string): Channels | undefined {
  const value = channels(fields, field, subject);
  if (value === undefined || value.every((entry) => entry >= SMALLEST_DEVIATION)) return value;
  throw refuse(subject, field, value, `three numbers above 0, at least ${SMALLEST_DEVIATION}`);
}

/** One of `choices`. */
function choice<T extends string>(
  fields: Fields,
  field: string,
  choices: readonly T[],
  subject: string,
): T | undefined {
  const value = fields[field];
  if (value === undefined || value === null || value === "") return undefined;
  const found = choices.find((entry) => entry === value);
  if (found !== undefined) return found;
  throw refuse(subject, field, value, choices.join(", "));
}

/** Throws `model/config` where the file gives one of these fields another value: it describes another architecture. */
export function checkFixed(fields: Fields, fixed: Fields, subject: string): void {
  for (const [field, value] of Object.entries(fixed))
    if (fields[field] !== undefined && fields[field] !== value)
      throw refuse(subject, field, fields[field], JSON.stringify(value));
}

/** Undefined for the default, so that models of equal settings have equal configurations. */
export function unless<T>(usual: T, value: T | undefined): T | undefined {
  return value === usual ? undefined : value;
}

/** The entries that are not undefined. */
export function defined<T extends object>(given: { [K in keyof T]?: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as unknown as Partial<T>;
}

/** The class names that Hugging Face fills in for a model without any. */
const UNNAMED = /^LABEL_\d+$/;

/**
 * timm's class names, each after its description where there is one: "tench, Tinca tinca, n01440764". A data set's
 * classes find any part of it.
 */
function readLabelNames(fields: Fields, subject: string): string[] | undefined {
  const { label_names: names, label_descriptions: descriptions } = fields;
  if (names === undefined || names === null) return undefined;
  const isNames = Array.isArray(names) && names.every((name) => typeof name === "string");
  if (!isNames) throw refuse(subject, "label_names", names, "a list of names");
  const described = isFields(descriptions) ? descriptions : {};
  return names.map((name) => {
    const description = Object.hasOwn(described, name) ? described[name] : undefined;
    return typeof description === "string" && description !== name ? `${description}, ${name}` : name;
  });
}

/** Labels that a terminal and a page can show. Throws `model/config` for one that is too long. */
function checkedLabels(labels: readonly string[] | undefined, subject: string): string[] | undefined {
  return labels?.map((label, index) => {
    if (label.length > LONGEST_LABEL) {
      const got = `${label.length.toLocaleString("en-US")} characters long`;
      throw new VitrineError(
        "model/config",
        `${subject}: the name of class ${index} is ${got} (${quote(label.slice(0, 20))}…); allowed: ${LONGEST_LABEL}`,
        { details: { file: subject, index } },
      );
    }
    return printable(label);
  });
}

/** Class names in index order; undefined where the file names none. */
function readLabels(fields: Fields, subject: string): string[] | undefined {
  const given = fields.id2label;
  if (given === undefined || given === null) return undefined;
  if (!isFields(given)) throw refuse(subject, "id2label", given, "an object of index and name");
  const count = Object.keys(given).length;
  const labels = Array.from({ length: count }, (_, index) => given[String(index)]);
  const isNamed = (label: unknown): label is string => typeof label === "string";
  if (!labels.every(isNamed)) {
    const indices = Object.keys(given).slice(0, 5);
    throw refuse(subject, "id2label", indices, `a name for each index from 0 to ${count - 1}`);
  }
  return labels.every((label) => UNNAMED.test(label)) ? undefined : labels;
}

/** timm's fields of the input that are computed, as `pretrained_cfg` has them. */
const INTERPOLATIONS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] as const;

/** A crop of a smaller part would leave nothing of the object. */
const SMALLEST_CROP = 0.05;

export function cropRatio(fields: Fields, field: string, subject: string): number | undefined {
  const ratio = positiveNumber(fields, field, subject);
  if (ratio === undefined || (ratio >= SMALLEST_CROP && ratio <= 1)) return ratio;
  throw refuse(subject, field, ratio, `${SMALLEST_CROP} to 1`);
}

/** timm's `input_size` [3, side, side]. */
function inputSide(fields: Fields, subject: string): number | undefined {
  const { input_size: value } = fields;
  if (value === undefined || value === null) return undefined;
  const [colors, height, width] = Array.isArray(value) ? value : [];
  if (colors === 3 && height === width) return wholeNumber({ input_size: height }, "input_size", subject);
  throw refuse(subject, "input_size", value, "[3, side, side]");
}

/** How a picture becomes the input. */
function readInput(fields: Fields, input: Fields, subject: string): Partial<ClassifierConfig> {
  return defined<ClassifierConfig>({
    imageSize: wholeNumber(fields, "image_size", subject) ?? inputSide(input, subject),
    mean: channels(fields, "image_mean", subject) ?? channels(input, "mean", subject),
    std: deviations(fields, "image_std", subject) ?? deviations(input, "std", subject),
    cropRatio: cropRatio(input, "crop_pct", subject),
    interpolation: unless("bicubic", choice(input, "interpolation", INTERPOLATIONS, subject)),
    cropMode: unless("center", choice(input, "crop_mode", ["center", "squash", "border"], subject)),
    cropRounding: unless("even", choice(input, "crop_rounding", ["even", "down"], subject)),
  });
}

/** Throws `model/config` for a model whose logits are no classification into one class. */
function checkProblem(fields: Fields, subject: string): void {
  choice(fields, "problem_type", ["single_label_classification"], subject);
}

/** The part of a config.json that does not depend on the family. Throws `model/config`. */
export function readClassifier(fields: Fields, subject: string): ConfigFile<ClassifierConfig> {
  const input = isFields(fields.pretrained_cfg) ? { ...fields.pretrained_cfg, ...fields } : fields;
  const labels = checkedLabels(readLabels(fields, subject) ?? readLabelNames(fields, subject), subject);
  const classes =
    wholeNumber(fields, "num_labels", subject) ??
    // timm's 0: no head.
    (fields.num_classes === 0 ? undefined : wholeNumber(fields, "num_classes", subject)) ??
    labels?.length;
  if (labels && labels.length !== classes)
    throw refuse(subject, "num_labels", classes, `${labels.length}, the number of class names in the file`);
  checkProblem(fields, subject);
  const { architecture, model_type: modelType } = fields;
  return {
    sizes: { ...readInput(fields, input, subject), ...(classes !== undefined && { classes }) },
    ...(labels && { labels }),
    ...(typeof architecture === "string" && { architecture }),
    ...(typeof modelType === "string" && { modelType }),
  };
}

/** What `readClassifier` reads. Fields beyond Hugging Face's: image_mean, image_std, and timm's of the crop. */
export function classifierFields(config: ClassifierConfig, labels: readonly string[]): Fields {
  return {
    image_size: config.imageSize,
    num_labels: config.classes,
    id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
    image_mean: config.mean,
    image_std: config.std,
    crop_pct: config.cropRatio,
    ...defined<Fields>({
      interpolation: config.interpolation,
      crop_mode: config.cropMode,
      crop_rounding: config.cropRounding,
    }),
    weights_layout: "timm",
  };
}
