// Model config: the sizes of a model of any family.

import type { DeitConfig } from "./deit/config.js";
import type { RegnetyConfig } from "./regnety/config.js";

/** The sizes of a model of any family. */
export type ModelConfig = DeitConfig | RegnetyConfig;
