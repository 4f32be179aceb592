// Gradient rules: which operations can be differentiated, and by which rule.

import type { OperationType } from "../catalog.js";
import type { GradientRule } from "../graph.js";
import { geluGradient, reluGradient, sigmoidGradient } from "./activations.js";
import { attentionGradient } from "./attention.js";
import { batchNormGradient } from "./batch-norm.js";
import { globalAveragePoolGradient, scaleChannelsGradient } from "./channels.js";
import { conv2dGradient } from "./conv2d.js";
import { swapHalvesGradient } from "./halves.js";
import { layerNormGradient } from "./layer-norm.js";
import { layerScaleGradient } from "./layer-scale.js";
import { linearGradient } from "./linear.js";
import {
  binaryCrossEntropyGradient,
  hardDistillationGradient,
  softDistillationGradient,
  softTargetCrossEntropyGradient,
} from "./losses.js";
import { residualGradient, scaleRowsGradient } from "./residual.js";
import { dotGradient, scaledSumGradient } from "./sums.js";
import { assembleTokensGradient, selectTokenGradient } from "./tokens.js";

/** Operation type → its rule; an operation without one passes no gradient. */
export const GRADIENT_RULES: { readonly [T in OperationType]?: GradientRule<T> } = {
  linear: linearGradient,
  layerNorm: layerNormGradient,
  attention: attentionGradient,
  gelu: geluGradient,
  scaledSum: scaledSumGradient,
  scaleRows: scaleRowsGradient,
  residual: residualGradient,
  layerScale: layerScaleGradient,
  assembleTokens: assembleTokensGradient,
  selectToken: selectTokenGradient,
  softTargetCrossEntropy: softTargetCrossEntropyGradient,
  binaryCrossEntropy: binaryCrossEntropyGradient,
  hardDistillation: hardDistillationGradient,
  softDistillation: softDistillationGradient,
  swapHalves: swapHalvesGradient,
  dot: dotGradient,
  conv2d: conv2dGradient,
  batchNorm: batchNormGradient,
  relu: reluGradient,
  sigmoid: sigmoidGradient,
  globalAveragePool: globalAveragePoolGradient,
  scaleChannels: scaleChannelsGradient,
};
