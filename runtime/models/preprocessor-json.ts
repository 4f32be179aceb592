// Preprocessor JSON: the input that a Hugging Face model expects, as the preprocessor_config.json beside its config.json
// states it. What a file asks for is done, or refused by the field's name; nothing is replaced.

import type { ClassifierConfig } from "./config.js";
import {
  channels,
  cropRatio,
  defined,
  deviations,
  type Fields,
  isFields,
  parseFields,
  positiveNumber,
  refuse,
  unless,
  wholeNumber,
} from "./config-fields.js";

/** What a processor of transformers does where its file does not say; null: nothing that is known. */
interface Processor {
  /** Side that is resized to. */
  side: number | null;
  /** What a side without a name means: both sides, or the short one. */
  plainSide: "square" | "shortest_edge";
  resample: number | null;
  /** Side of the crop; null: none, unless the file asks for one. */
  crop: number | null;
  mean?: number;
}

const PROCESSORS: ReadonlyMap<string, Processor> = new Map([
  ["ViT", { side: 224, plainSide: "square", resample: 2, crop: null, mean: 0.5 }],
  ["DeiT", { side: 256, plainSide: "square", resample: 3, crop: 224, mean: 0.5 }],
  ["Beit", { side: 256, plainSide: "square", resample: 3, crop: 224, mean: 0.5 }],
  ["CLIP", { side: 224, plainSide: "shortest_edge", resample: 3, crop: 224 }],
  ["Bit", { side: 224, plainSide: "shortest_edge", resample: 3, crop: 224 }],
  ["ConvNext", { side: 384, plainSide: "shortest_edge", resample: 2, crop: null, mean: 0.5 }],
]);

const UNNAMED: Processor = { side: null, plainSide: "square", resample: null, crop: null };

/** Of a file that names no processor, by the model's type. */
const PROCESSORS_OF_MODELS: ReadonlyMap<string, string> = new Map([
  ["vit", "ViT"],
  ["deit", "DeiT"],
  ["regnet", "ConvNext"],
]);

const PROCESSOR_NAME = /^(.+?)(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/;

interface Named {
  name: string | null;
  processor: Processor;
}

function processorOf(fields: Fields, modelType: string | undefined, subject: string): Named {
  const field = fields.image_processor_type === undefined ? "feature_extractor_type" : "image_processor_type";
  const type = fields[field];
  if (type === undefined || type === null) {
    const name = PROCESSORS_OF_MODELS.get(modelType ?? "") ?? null;
    return { name, processor: PROCESSORS.get(name ?? "") ?? UNNAMED };
  }
  const [, name = ""] = (typeof type === "string" ? PROCESSOR_NAME.exec(type) : null) ?? [];
  const processor = PROCESSORS.get(name);
  if (processor) return { name, processor };
  throw refuse(
    subject,
    field,
    type,
    Array.from(PROCESSORS.keys(), (each) => `${each}ImageProcessor`).join(", "),
  );
}

/** PIL.Image.Resampling. */
const RESAMPLING = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"] as const;

function readFilter(
  fields: Fields,
  { resample }: Processor,
  subject: string,
): (typeof RESAMPLING)[number] | undefined {
  const value = fields.resample ?? resample;
  if (value === null) return undefined;
  const filter = typeof value === "number" ? RESAMPLING[value] : undefined;
  if (filter !== undefined) return filter;
  throw refuse(subject, "resample", value, RESAMPLING.map((name, index) => `${index} (${name})`).join(", "));
}

interface Side {
  length: number;
  kind: Processor["plainSide"];
}

const SIDES = "a whole number, {height, width} of a square, {shortest_edge}";

/** 224, {shortest_edge: 224}, or {height: 224, width: 224}. */
function readSide(fields: Fields, field: string, plainSide: Side["kind"], subject: string): Side | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  const isPlain = typeof value === "number" || Array.isArray(value);
  const { height, width, shortest_edge: shortest, ...others } = isFields(value) ? value : {};
  const square = isPlain ? value : height === width ? height : undefined;
  if (Object.keys(others).length > 0 || (square === undefined) === (shortest === undefined))
    throw refuse(subject, field, value, SIDES);
  const length = wholeNumber({ [field]: square ?? shortest }, field, subject);
  if (length === undefined) throw refuse(subject, field, value, SIDES);
  return { length, kind: isPlain ? plainSide : shortest === undefined ? "square" : "shortest_edge" };
}

/** The ratio for which ⌊crop / ratio⌋ is `resized`, whatever the division's last bit. */
function ratioOf(crop: number, resized: number): number {
  const ratio = crop / resized;
  return Math.trunc(crop / ratio) === resized ? ratio : crop / (resized + 0.5);
}

/** Steps that are done. */
const DONE = ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"];

function checkSteps(fields: Fields, subject: string): void {
  for (const [field, value] of Object.entries(fields)) {
    const isStep = field.startsWith("do_") || field === "rescale_offset";
    if (isStep && !DONE.includes(field) && value !== false && value !== null)
      throw refuse(subject, field, value, "false: this step is not computed here");
    if (DONE.includes(field) && value !== null && typeof value !== "boolean")
      throw refuse(subject, field, value, "true, false");
  }
  if (fields.do_resize === false)
    throw refuse(subject, "do_resize", false, "true: pictures of any size become the model's input");
  if (fields.do_convert_rgb === false)
    throw refuse(subject, "do_convert_rgb", false, "true: pictures are read as RGB");
}

type Transform = Partial<Pick<ClassifierConfig, "imageSize" | "cropRatio" | "cropMode" | "cropRounding">>;

/** ConvNext (and with it RegNet): below 384 a crop of crop_pct, from there on both sides are squashed. */
function convNextTransform(fields: Fields, { length }: Side, subject: string): Transform {
  if (length >= 384) return { imageSize: length, cropRatio: 1, cropMode: "squash" };
  const ratio = cropRatio(fields, "crop_pct", subject) ?? 224 / 256;
  return { imageSize: length, cropRatio: ratio, cropRounding: "down" };
}

function readTransform(fields: Fields, { name, processor }: Named, subject: string): Transform {
  const given = readSide(fields, "size", processor.plainSide, subject);
  if (given === undefined && processor.side === null) return {};
  const { length, kind } = given ?? { length: processor.side as number, kind: processor.plainSide };
  if (name === "ConvNext") return convNextTransform(fields, { length, kind }, subject);
  const crop = readSide(fields, "crop_size", "square", subject)?.length ?? processor.crop;
  // ViT's own processor has no crop, unless it is asked for in words.
  const crops = fields.do_center_crop ?? (processor.crop !== null || (name === null && crop !== null));
  if (crops !== true || crop === null) {
    if (kind === "square") return { imageSize: length, cropRatio: 1, cropMode: "squash" };
    throw refuse(
      subject,
      "do_center_crop",
      crops,
      "true with the size of a shortest_edge: inputs are square",
    );
  }
  if (crop > length) throw refuse(subject, "crop_size", crop, `at most ${length}, the size before the crop`);
  return {
    imageSize: crop,
    cropRatio: ratioOf(crop, length),
    ...(kind === "square" && { cropMode: "squash" as const }),
    cropRounding: "down",
  };
}

/** A number for every color, or one for all. */
function perColor(fields: Fields, field: string): Fields {
  const value = fields[field];
  return typeof value === "number" ? { ...fields, [field]: [value, value, value] } : fields;
}

/** Usual are 1/255, and 1 where the mean is of bytes. */
const SMALLEST_FACTOR = 1e-6;
const LARGEST_FACTOR = 1e3;

/** The normalization of bytes as (v/255 − mean)/std, whatever the factor that the file rescales them with. */
function readNormalization(fields: Fields, { mean: usual }: Processor, subject: string) {
  const normalizes = fields.do_normalize !== false;
  const standard = (value: number): [number, number, number] => [value, value, value];
  const usually = usual === undefined ? undefined : standard(usual);
  const mean = normalizes
    ? (channels(perColor(fields, "image_mean"), "image_mean", subject) ?? usually)
    : standard(0);
  const std = normalizes
    ? (deviations(perColor(fields, "image_std"), "image_std", subject) ?? usually)
    : standard(1);
  const factor =
    fields.do_rescale === false ? 1 : (positiveNumber(fields, "rescale_factor", subject) ?? 1 / 255);
  if (factor < SMALLEST_FACTOR || factor > LARGEST_FACTOR)
    throw refuse(subject, "rescale_factor", factor, `${SMALLEST_FACTOR} to ${LARGEST_FACTOR}`);
  // Files print 1/255 with a digit less or more.
  const scale = Math.abs(factor * 255 - 1) < 1e-6 ? 1 : factor * 255;
  if (scale === 1 || !mean || !std) return { mean, std };
  const scaled = ([red, green, blue]: [number, number, number]): [number, number, number] => [
    ...([red / scale, green / scale, blue / scale] as const),
  ];
  return { mean: scaled(mean), std: scaled(std) };
}

/**
 * The input's side, crop, filter and normalization, as transformers' processor of this file makes it from a picture.
 * `modelType`: `model_type` of config.json, which chooses the image processor where the file names none; `subject` names the
 * file in errors. Throws `model/config` for text that is not a JSON object, and for everything that the file asks for
 * and that is not computed here.
 */
export function readPreprocessorJson(
  text: string,
  subject: string,
  modelType?: string,
): Partial<ClassifierConfig> {
  const fields = parseFields(text, subject);
  const named = processorOf(fields, modelType, subject);
  checkSteps(fields, subject);
  return defined<ClassifierConfig>({
    ...readTransform(fields, named, subject),
    interpolation: unless("bicubic", readFilter(fields, named.processor, subject)),
    ...readNormalization(fields, named.processor, subject),
  });
}

/**
 * Checks the values of a file that is not used, because config.json describes the whole input: one that no processor
 * takes is a mistake in any case. Throws `model/config`.
 */
export function checkPreprocessorJson(text: string, subject: string): void {
  const fields = parseFields(text, subject);
  readFilter(fields, UNNAMED, subject);
  readNormalization(fields, UNNAMED, subject);
  for (const field of ["size", "crop_size"]) readSide(fields, field, "square", subject);
}

/**
 * The evaluation's input in the terms of transformers. Of its image processors CLIP's resizes the short side and keeps
 * the shape of the picture; those of ViT and DeiT take a height and a width, which squashes it.
 */
export function preprocessorFields(config: ClassifierConfig): Fields {
  const { imageSize, mean, std, cropRatio, interpolation = "bicubic", cropMode = "center" } = config;
  const resized = Math.trunc(imageSize / cropRatio);
  return {
    image_processor_type: cropMode === "center" ? "CLIPImageProcessor" : "DeiTImageProcessor",
    do_convert_rgb: true,
    do_resize: true,
    size: cropMode === "center" ? { shortest_edge: resized } : { height: resized, width: resized },
    resample: RESAMPLING.indexOf(interpolation),
    do_center_crop: true,
    crop_size: { height: imageSize, width: imageSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}
