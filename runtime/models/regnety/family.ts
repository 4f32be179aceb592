// RegNetY family: the convnets of arXiv 2003.13678 that teach a DeiT, and classify on their own.

import { checkShapes } from "../../weights/tensor-map.js";
import type { ModelFamily } from "../family.js";
import {
  checkRegnety,
  completeRegnety,
  publishedRegnety,
  REGNETY_NAMES,
  type RegnetyConfig,
  readRegnetyFields,
  regnetyFields,
} from "./config.js";
import { regnetyToHuggingFace, regnetyToTimm } from "./export.js";
import { foldedParameters, foldRegnety } from "./folding.js";
import { branchScaleNames, regnety } from "./graph.js";
import { initialWeights } from "./initialization.js";
import {
  channelsLastShape,
  fromChannelsLast,
  hasStem,
  regnetyFromShapes,
  regnetyParameters,
  toChannelsLast,
  toTimmNames,
} from "./parameters.js";

const MODEL_TYPES = ["regnety", "regnet"];

export const REGNETY: ModelFamily<RegnetyConfig> = {
  name: "RegNetY",
  modelTypes: MODEL_TYPES,
  publishedNames: REGNETY_NAMES,
  published: publishedRegnety,

  hasConfig: (config): config is RegnetyConfig => "stages" in config,
  hasFields: ({ model_type: type, architecture }) =>
    (typeof type === "string" && MODEL_TYPES.includes(type)) ||
    (typeof architecture === "string" && architecture.startsWith("regnety_")),
  hasTensors: hasStem,

  readFields: readRegnetyFields,
  writeFields: regnetyFields,
  // Settings that the shapes do not determine are the same in every published model.
  sizesOfName: () => ({}),
  sizesFromShapes: regnetyFromShapes,
  completeConfig: completeRegnety,

  checkConfig: checkRegnety,

  toTimmNames,
  blockCount: ({ stages }) => stages.reduce((sum, { depth }) => sum + depth, 0),
  parameters: regnetyParameters,
  headNames: () => ["head.fc"],
  atImageSize: (config, weights, imageSize) => ({ config: { ...config, imageSize }, weights }),
  toHuggingFace: regnetyToHuggingFace,
  toTimm: regnetyToTimm,
  int8Layers: () => new Set(),

  inferenceShapes: foldedParameters,
  inferenceWeights(config, weights) {
    checkShapes(weights, regnetyParameters(config), "weights");
    return foldRegnety(config, weights);
  },
  addClassifier: (graph, config, options) => ({
    classLogits: regnety(graph, config, { ...options, mode: "inference" }),
  }),

  describe: ({ stages, groupWidth }) =>
    `stages of ${stages.map(({ width, depth }) => `${depth}×${width}`).join(", ")}, groups of ${groupWidth}`,
  training: {
    addTrained: (graph, config, options) => ({
      classLogits: regnety(graph, config, { ...options, mode: "training" }),
    }),
    addEvaluated: (graph, config, options) => ({
      classLogits: regnety(graph, config, { ...options, mode: "evaluation" }),
    }),
    branches: branchScaleNames,
    noDecay: [],
    initialWeights,
    storedShape: channelsLastShape,
    toStored: toChannelsLast,
    fromStored: fromChannelsLast,
  },
};
