// Families: the supported architectures, and the functions whose result depends on a model's architecture.

import type { DrawMath } from "../draw/random.js";
import { VitrineError } from "../errors.js";
import type { TensorMap } from "../weights/tensor-map.js";
import type { WeightDtype } from "../weights/weight-dtype.js";
import type { ClassifierConfig } from "./config.js";
import {
  type ConfigFile,
  classifierFields,
  type Fields,
  parseFields,
  readClassifier,
  refuse,
} from "./config-fields.js";
import { DEIT } from "./deit/family.js";
import type { ModelFamily } from "./family.js";
import type { ModelConfig } from "./model-config.js";
import { REGNETY } from "./regnety/family.js";

export type { ModelConfig } from "./model-config.js";

/** In the order in which they are tried; DeiT is the default. */
export const FAMILIES: readonly ModelFamily<ModelConfig>[] = [REGNETY, DEIT];

/** Throws `model/config` where a configuration is of no family. */
export function familyOf(config: ClassifierConfig): ModelFamily<ModelConfig> {
  const family = FAMILIES.find((entry) => entry.hasConfig(config));
  if (family) return family;
  const names = FAMILIES.map(({ name }) => name).join(" nor ");
  throw new VitrineError("model/config", `model configuration: neither ${names}: ${JSON.stringify(config)}`);
}

/** Throws `model/dtype` where a model of this family has no int8 layers. */
export function checkDtype(
  { name, config }: { name: string; config: ModelConfig },
  dtype: WeightDtype,
): void {
  const family = familyOf(config);
  if (dtype !== "int8" || family.int8Layers(config).size > 0) return;
  const text = `${name}: a ${family.name} has no int8 layers; allowed: f32, f16, bf16 (--dtype)`;
  throw new VitrineError("model/dtype", text, { details: { dtype } });
}

function familyOfFields(fields: Fields, subject: string): ModelFamily<ModelConfig> {
  const family = FAMILIES.find((entry) => entry.hasFields(fields));
  if (family) return family;
  const types = FAMILIES.flatMap(({ modelTypes }) => modelTypes).join(", ");
  throw refuse(subject, "model_type", fields.model_type, types);
}

/** A config.json and the family that it describes. */
export interface FamilyFile extends ConfigFile<ModelConfig> {
  family: ModelFamily<ModelConfig>;
}

/**
 * Reads the text of a config.json; fields that it leaves out are absent. `subject` names the file in errors. Throws
 * `model/config`, also where it describes no family.
 */
export function readFamilyFile(text: string, subject: string): FamilyFile {
  const fields = parseFields(text, subject);
  const family = familyOfFields(fields, subject);
  const own = family.readFields(fields, subject);
  const file = readClassifier(fields, subject);
  return { ...file, family, sizes: { ...file.sizes, ...own } as Partial<ModelConfig> };
}

/**
 * Reads the text of a model's config.json, in Hugging Face's or timm's field names; fields that it leaves out are
 * absent. `subject` names the file in errors. Throws `model/config` for a field that is not valid and for an
 * architecture that is not supported.
 */
export function readConfigJson(text: string, subject: string): ConfigFile<ModelConfig> {
  return readFamilyFile(text, subject);
}

/**
 * The text of a model's config.json: Hugging Face's field names, two spaces of indentation, a newline at the end.
 * `labels` are the class names in index order.
 */
export function writeConfigJson(config: ModelConfig, labels: readonly string[]): string {
  const fields = { ...familyOf(config).writeFields(config), ...classifierFields(config, labels) };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/** timm's names of the published models, DeiT first. */
export const MODEL_NAMES: readonly string[] = [DEIT, REGNETY].flatMap((family) => family.publishedNames);

const MOST_SUGGESTED = 4;

function sharedStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Those of `names` that start most like `text`, at most four; the first of the list where none does. */
export function similarNames(text: string, names: readonly string[] = MODEL_NAMES): string[] {
  return [...names].sort((a, b) => sharedStart(b, text) - sharedStart(a, text)).slice(0, MOST_SUGGESTED);
}

/** The sizes of a published model, the caller's to change; undefined where the name is not in `MODEL_NAMES`. */
export function publishedConfig(name: string): ModelConfig | undefined {
  return FAMILIES.find((family) => family.publishedNames.includes(name))?.published(name);
}

/**
 * The weights that a training from scratch starts from, under timm's names, as timm 0.3.2 draws them for this family;
 * the same seed gives the same bits on every machine. `math` is `runtime.image.math`. Throws `model/config`.
 */
export function initialWeights(config: ModelConfig, seed: number, math: DrawMath): TensorMap {
  return familyOf(config).training.initialWeights(config, seed, math);
}

/** Whether a model has a second head, with logits of its own. */
export function isDistilled(config: ModelConfig): boolean {
  return familyOf(config).headNames(config).length > 1;
}
