// DeiT family: the vision transformers of arXiv 2012.12877 (DeiT) and 2204.07118 (DeiT III), and ViT, which is a DeiT
// without a distillation token.

import type { GraphBuilder } from "../../graph/graph.js";
import { resizePositionEmbedding } from "../../weights/position-embedding.js";
import type { ClassifierHeads, ClassifierOptions, ModelFamily } from "../family.js";
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
import { foldDeit, foldedConfig, foldedParameters, foldMatrices } from "./folding.js";
import { branchScaleNames, deit } from "./graph.js";
import { initialWeights } from "./initialization.js";
import { toTimmNames } from "./key-map.js";
import { deitParameters, int8Layers, sizesFromShapes } from "./parameters.js";
import { DEIT_NAMES, publishedDeit, sizesOfName } from "./published.js";

const MODEL_TYPES = ["deit", "vit"];

function evaluated(graph: GraphBuilder, config: DeitConfig, options: ClassifierOptions): ClassifierHeads {
  return deit(graph, config, { ...options, stochasticDepth: false });
}

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
  checkConfig,

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
  inferenceMatrices: foldMatrices,
  addClassifier: (graph, config, options) => evaluated(graph, foldedConfig(config), options),

  describe: ({ patchSize, dim, depth, heads }) =>
    `patch ${patchSize}, width ${dim}, depth ${depth}, ${heads} attention head${heads === 1 ? "" : "s"}`,
  training: {
    addTrained: deit,
    // The weights as they are trained: `addClassifier` reads LayerScale folded into others.
    addEvaluated: evaluated,
    branches: branchScaleNames,
    // main.py of facebook's deit with timm ≥ 0.4.
    noDecay: ["pos_embed", "cls_token", "dist_token"],
    initialWeights,
    storedShape: (shape) => shape,
    toStored: (tensor) => tensor,
    fromStored: (data, shape) => ({ shape: [...shape], data }),
  },
};
