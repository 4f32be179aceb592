// Model config: the sizes of a model of either family.

import type { DeitConfig } from "./config.js";
import { writeConfigJson } from "./deit/family.js";
import { isRegnety, type RegnetyConfig } from "./regnety/config.js";
import { writeRegnetyJson } from "./regnety/family.js";

export type ModelConfig = DeitConfig | RegnetyConfig;

/** Whether the model has a second head, with logits of its own. */
export function isDistilled(config: ModelConfig): boolean {
  return !isRegnety(config) && config.distilled;
}

/** config.json of a model of either family, with a line's end. */
export function writeModelJson(config: ModelConfig, labels: readonly string[]): string {
  return isRegnety(config) ? writeRegnetyJson(config, labels) : writeConfigJson(config, labels);
}
