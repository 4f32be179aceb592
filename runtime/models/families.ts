// Families: the supported architectures, and the functions whose result depends on a model's architecture.

import { VitrineError } from "../errors.js";
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
import type { DeitConfig } from "./deit/config.js";
import { DEIT } from "./deit/family.js";
import type { ModelFamily } from "./family.js";
import type { RegnetyConfig } from "./regnety/config.js";
import { REGNETY } from "./regnety/family.js";

/** The sizes of a model of any family. */
export type ModelConfig = DeitConfig | RegnetyConfig;

/** The sizes of a model that can be trained. */
export type TrainableConfig = DeitConfig;

/** In the order in which they are tried; DeiT is the default. */
export const FAMILIES: readonly ModelFamily<ModelConfig>[] = [REGNETY, DEIT];

export const TRAINABLE_FAMILIES: readonly ModelFamily<TrainableConfig>[] = [DEIT];

export function isTrainable(config: ModelConfig): config is TrainableConfig {
  return TRAINABLE_FAMILIES.some((family) => family.hasConfig(config));
}

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
  const text = `${name}: a ${family.name} has no int8 layers; allowed: f32, f16 (--dtype)`;
  throw new VitrineError("model/dtype", text, { details: { dtype } });
}

function familyOfFields<C extends ModelConfig>(
  fields: Fields,
  subject: string,
  families: readonly ModelFamily<C>[],
): ModelFamily<C> {
  // All families are tried first: a file of a family that is not allowed must not pass for the default.
  const family = FAMILIES.find((entry) => entry.hasFields(fields));
  const allowed = families.find((entry) => entry.name === family?.name);
  if (allowed) return allowed;
  const types = families.flatMap(({ modelTypes }) => modelTypes).join(", ");
  const names = families.map(({ name }) => name).join(", ");
  const why = family ? ` (a ${family.name} can classify and teach; what can be trained is ${names})` : "";
  throw refuse(subject, "model_type", fields.model_type, types + why);
}

/** A config.json and the family that it describes. */
export interface FamilyFile<C extends ClassifierConfig> extends ConfigFile<C> {
  family: ModelFamily<C>;
}

/**
 * Reads the text of a config.json; fields that it leaves out are absent. `subject` names the file in errors. Throws
 * `model/config`, also where it describes none of `families`.
 */
export function readFamilyFile<C extends ModelConfig>(
  text: string,
  subject: string,
  families: readonly ModelFamily<C>[],
): FamilyFile<C> {
  const fields = parseFields(text, subject);
  const family = familyOfFields(fields, subject, families);
  const own = family.readFields(fields, subject);
  const file = readClassifier(fields, subject);
  return { ...file, family, sizes: { ...file.sizes, ...own } as Partial<C> };
}

/**
 * Reads the text of a model's config.json, in Hugging Face's or timm's field names; fields that it leaves out are
 * absent. `subject` names the file in errors. Throws `model/config` for a field that is not valid and for an
 * architecture that is not supported.
 */
export function readConfigJson(text: string, subject: string): ConfigFile<ModelConfig> {
  return readFamilyFile(text, subject, FAMILIES);
}

/** The config.json of a model that can be trained, as `readFamilyFile`. */
export function readTrainableConfig(text: string, subject: string): ConfigFile<TrainableConfig> {
  return readFamilyFile(text, subject, TRAINABLE_FAMILIES);
}

/**
 * The text of a model's config.json: Hugging Face's field names, two spaces of indentation, a newline at the end.
 * `labels` are the class names in index order.
 */
export function writeConfigJson(config: ModelConfig, labels: readonly string[]): string {
  const fields = { ...familyOf(config).writeFields(config), ...classifierFields(config, labels) };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/** timm's names of the published models that can be trained. */
export const MODEL_NAMES: readonly string[] = TRAINABLE_FAMILIES.flatMap((family) => family.publishedNames);

/** The sizes of a published model, the caller's to change; undefined where the name is not in `MODEL_NAMES`. */
export function publishedConfig(name: string): TrainableConfig | undefined {
  return TRAINABLE_FAMILIES.find((family) => family.publishedNames.includes(name))?.published(name);
}

/** Whether a model has a second head, with logits of its own. */
export function isDistilled(config: ModelConfig): boolean {
  return familyOf(config).headNames(config).length > 1;
}
