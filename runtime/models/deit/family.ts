// DeiT family: the vision transformers of arXiv 2012.12877, and ViT, which is a DeiT without a distillation token.

import { resizePositionEmbedding } from "../../weights/position-embedding.js";
import type { ModelFamily } from "../family.js";
import {
  checkConfig,
  completeConfig,
  DEIT_NAMES,
  type DeitConfig,
  deitFields,
  publishedDeit,
  readDeitFields,
} from "./config.js";
import { deit } from "./graph.js";
import { toTimmNames } from "./key-map.js";
import {
  deitParameters,
  headNames,
  int8Layers,
  patchCount,
  sizesFromShapes,
  tokenCount,
} from "./parameters.js";

const MODEL_TYPES = ["deit", "vit"];

export const DEIT: ModelFamily<DeitConfig> = {
  name: "DeiT",
  modelTypes: MODEL_TYPES,
  publishedNames: DEIT_NAMES,
  published: publishedDeit,

  hasConfig: (config): config is DeitConfig => "patchSize" in config,
  // Files of timm's own name no type.
  hasFields: ({ model_type: type }) => type === undefined || MODEL_TYPES.includes(String(type)),
  hasTensors: () => true,

  readFields: readDeitFields,
  writeFields: deitFields,
  sizesOfName(text) {
    const name = DEIT_NAMES.find((entry) => text.includes(entry));
    // The number of classes is the file's own.
    const { classes: _, ...sizes } = (name && publishedDeit(name)) || {};
    return sizes;
  },
  sizesFromShapes,
  completeConfig,

  toTimmNames,
  blockCount: ({ depth }) => depth,
  parameters: deitParameters,
  headNames,
  atImageSize(config, weights, imageSize) {
    const resized = { ...config, imageSize };
    checkConfig(resized);
    const positions = weights.get("pos_embed");
    if (!positions) return { config: resized, weights };
    const extra = tokenCount(config) - patchCount(config);
    const grid = imageSize / config.patchSize;
    const embedding = resizePositionEmbedding(positions, extra, grid);
    return { config: resized, weights: new Map([...weights, ["pos_embed", embedding]]) };
  },
  int8Layers,

  inferenceShapes: deitParameters,
  inferenceWeights: (_, weights) => weights,
  addClassifier: (graph, config, options) => deit(graph, config, { ...options, stochasticDepth: false }),
};
