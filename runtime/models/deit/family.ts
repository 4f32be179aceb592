// DeiT family: the vision transformers of arXiv 2012.12877 (DeiT) and 2204.07118 (DeiT III), and ViT, which is a DeiT
// without a distillation token.

import { resizePositionEmbedding } from "../../weights/position-embedding.js";
import type { ModelFamily } from "../family.js";
import {
  checkConfig,
  completeConfig,
  type DeitConfig,
  headNames,
  patchCount,
  positionCount,
} from "./config.js";
import { deitToHuggingFace, deitToTimm } from "./export.js";
import { deitFields, readDeitFields } from "./fields.js";
import { foldDeit, foldedConfig, foldedParameters } from "./folding.js";
import { deit } from "./graph.js";
import { toTimmNames } from "./key-map.js";
import { deitParameters, int8Layers, sizesFromShapes } from "./parameters.js";
import { DEIT_NAMES, publishedDeit, sizesOfName } from "./published.js";

const MODEL_TYPES = ["deit", "vit"];

export const DEIT: ModelFamily<DeitConfig> = {
  name: "DeiT",
  modelTypes: MODEL_TYPES,
  publishedNames: DEIT_NAMES,
  published: publishedDeit,

  hasConfig: (config): config is DeitConfig => "patchSize" in config,
  // Files of timm's own name no type.
  hasFields: ({ model_type: type }) =>
    type === undefined || (typeof type === "string" && MODEL_TYPES.includes(type)),
  hasTensors: () => true,

  readFields: readDeitFields,
  writeFields: deitFields,
  sizesOfName,
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
    const extra = positionCount(config) - patchCount(config);
    const grid = imageSize / config.patchSize;
    const embedding = resizePositionEmbedding(positions, extra, grid);
    return { config: resized, weights: new Map([...weights, ["pos_embed", embedding]]) };
  },
  toHuggingFace: deitToHuggingFace,
  toTimm: deitToTimm,
  int8Layers,

  inferenceShapes: foldedParameters,
  inferenceWeights: foldDeit,
  addClassifier: (graph, config, options) =>
    deit(graph, foldedConfig(config), { ...options, stochasticDepth: false }),
};
