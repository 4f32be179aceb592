// Batch norm in training: each channel is normalized to mean 0 and variance 1 over the batch, then scaled and shifted.
//
// With running statistics it is a factor and a shift, which go into the convolution before it: on the host where a model
// is loaded (models/regnety/folding.ts), by `foldBatchNorm` where a model in training is evaluated.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";

/** Operands of `foldBatchNorm`, each [outputs]. */
export interface FoldedTensors {
  gamma: TensorId;
  beta: TensorId;
  /** Running statistics. */
  mean: TensorId;
  variance: TensorId;
}

/**
 * A convolution's weight [outputs, ...] and the batch norm after it, in evaluation mode → weight [outputs, ...] and bias
 * [outputs] of one convolution that computes both. It has no gradient. Throws `graph/shape`.
 */
export function foldBatchNorm(
  graph: GraphBuilder,
  weight: TensorId,
  tensors: FoldedTensors,
  epsilon: number,
  name: string,
): { weight: TensorId; bias: TensorId } {
  const shape = graph.shapeOf(weight);
  const outputs = shape[0] as number;
  for (const [role, id] of Object.entries(tensors) as [string, TensorId][])
    expectShape(`foldBatchNorm ${name} ${role}`, graph.shapeOf(id), [outputs]);
  const folded = graph.activation(`${name}.weight`, shape);
  const shift = graph.activation(`${name}.bias`, [outputs]);
  const attributes = { epsilon };
  graph.add("foldBatchNorm", { reads: { weight, ...tensors }, writes: { folded, shift }, attributes });
  return { weight: folded, bias: shift };
}

/** Operands of `batchNorm`, each [channels]. */
export interface BatchNormTensors {
  /** Scale and shift after the normalization. */
  weight: TensorId;
  bias: TensorId;
  /** Changed by every run: (1 − momentum)·running + momentum·batch, the variance unbiased. */
  runningMean?: TensorId;
  runningVariance?: TensorId;
}

/**
 * Batch norm in training: (x − mean)/√(variance + ε)·weight + bias, with the mean and the biased variance of each
 * channel over this batch. x [..., channels] → y of the same shape. torch.nn.BatchNorm2d in train mode (its defaults:
 * ε 1e-5, momentum 0.1), arXiv 1502.03167. Throws `graph/shape`.
 */
export function batchNorm(
  graph: GraphBuilder,
  x: TensorId,
  tensors: BatchNormTensors,
  options: { epsilon: number; momentum: number },
  name: string,
): TensorId {
  const shape = graph.shapeOf(x);
  const channels = shape.at(-1) as number;
  for (const [role, id] of Object.entries(tensors) as [string, TensorId | undefined][])
    if (id !== undefined) expectShape(`batchNorm ${name} ${role}`, graph.shapeOf(id), [channels]);
  const { weight, bias, runningMean, runningVariance } = tensors;
  const y = graph.activation(name, shape);
  const mean = graph.activation(`${name}.mean`, [channels]);
  const rstd = graph.activation(`${name}.rstd`, [channels]);
  graph.add("batchNorm", {
    reads: { x, weight, bias },
    writes: { y, mean, rstd },
    adds: { runningMean, runningVariance },
    attributes: options,
  });
  return y;
}

export const batchNormGradient: GradientRule<"batchNorm"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { x, weight, bias } = reads;
  const { graph } = sweep;
  const dx = graph.activation(`d ${graph.tensor(x).name}`, graph.shapeOf(x));
  const scratch = graph.activation(`${graph.tensor(x).name}.factors`, [3, graph.shapeOf(x).at(-1) as number]);
  graph.add("batchNormBackward", {
    reads: { dy, x, weight, mean: writes.mean, rstd: writes.rstd },
    writes: { dx, scratch },
    adds: { dWeight: sweep.accumulator(weight), dBias: sweep.accumulator(bias) },
  });
  if (sweep.wants(x)) sweep.contribute(x, dx);
};
