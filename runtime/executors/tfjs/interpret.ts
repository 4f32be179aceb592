// Interpret: the table of the functions that compute the graph operations with tfjs.

import { VitrineError } from "../../errors.js";
import type { Operation, OperationOf, OperationType } from "../../graph/catalog.js";
import { gelu, geluBackward, relu, reluBackward, sigmoid, sigmoidBackward } from "./kernels/activations.js";
import {
  adamW,
  fill,
  lambDirection,
  lambStep,
  movingAverage,
  sgd,
  sumOfSquares,
  tensorSquares,
} from "./kernels/adamw.js";
import { attention, attentionBackward } from "./kernels/attention.js";
import { batchNorm, batchNormBackward, foldBatchNorm } from "./kernels/batch-norm.js";
import {
  globalAveragePool,
  globalAveragePoolBackward,
  scaleChannels,
  scaleChannelsGradient,
} from "./kernels/channels.js";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "./kernels/conv2d.js";
import { layerNorm, layerNormBackward } from "./kernels/layer-norm.js";
import { layerScale, layerScaleGradient } from "./kernels/layer-scale.js";
import { linear, linearInputGradient, linearWeightGradient } from "./kernels/linear.js";
import { updateLossScale } from "./kernels/loss-scale.js";
import {
  binaryCrossEntropy,
  binaryCrossEntropyBackward,
  hardDistillation,
  hardDistillationBackward,
  softDistillation,
  softDistillationBackward,
  softTargetCrossEntropy,
  softTargetCrossEntropyBackward,
  swapHalves,
} from "./kernels/losses.js";
import { patchifyBytes, patchifyImage } from "./kernels/patchify.js";
import { accumulate, dot, residual, scaleByScalar, scaledSum, scaleRows } from "./kernels/sums.js";
import {
  assembleTokens,
  assembleTokensBackward,
  selectToken,
  selectTokenBackward,
  selectTwoTokensBackward,
} from "./kernels/tokens.js";
import type { Operands } from "./operands.js";

type Kernel<T extends OperationType> = (operation: OperationOf<T>, at: Operands) => void;

/** Int8 matrices are in stores that this executor does not create. */
type Interpreted = Exclude<OperationType, "linearInt8">;

const KERNELS: { readonly [T in Interpreted]: Kernel<T> } = {
  patchifyBytes,
  patchifyImage,
  linear,
  linearInputGradient,
  linearWeightGradient,
  layerNorm,
  layerNormBackward,
  attention,
  attentionBackward,
  gelu,
  geluBackward,
  scaledSum,
  accumulate,
  scaleRows,
  residual,
  layerScale,
  layerScaleGradient,
  assembleTokens,
  assembleTokensBackward,
  selectToken,
  selectTokenBackward,
  selectTwoTokensBackward,
  softTargetCrossEntropy,
  softTargetCrossEntropyBackward,
  binaryCrossEntropy,
  binaryCrossEntropyBackward,
  hardDistillation,
  hardDistillationBackward,
  softDistillation,
  softDistillationBackward,
  swapHalves,
  dot,
  scaleByScalar,
  fill,
  sumOfSquares,
  tensorSquares,
  updateLossScale,
  adamW,
  sgd,
  lambDirection,
  lambStep,
  movingAverage,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  batchNorm,
  foldBatchNorm,
  batchNormBackward,
  relu,
  reluBackward,
  sigmoid,
  sigmoidBackward,
  globalAveragePool,
  globalAveragePoolBackward,
  scaleChannels,
  scaleChannelsGradient,
};

/** Computes one operation and disposes of its intermediate tensors. Throws `device/unsupported`. */
export function interpret(operation: Operation, at: Operands): void {
  if (operation.type === "linearInt8") {
    const text = "int8 layers have no kernel on device tfjs: use --device wasm, or --dtype f32";
    throw new VitrineError("device/unsupported", text);
  }
  // The table pairs every type with the kernel of that type; TypeScript cannot see it through the union.
  const kernel = KERNELS[operation.type] as Kernel<OperationType>;
  at.tf.tidy(() => kernel(operation, at));
}
