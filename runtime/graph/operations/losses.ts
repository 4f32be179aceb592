// Losses: soft-target cross-entropy and the two forms of distillation of deit's losses.py, one value per sample.

import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectAxes, expectShape } from "../tensor.js";

function lossTensor(graph: GraphBuilder, logits: TensorId, other: TensorId, name: string): TensorId {
  const shape = graph.shapeOf(logits);
  expectAxes(`${name} logits`, shape, 2);
  expectShape(`${name} second operand`, graph.shapeOf(other), shape);
  return graph.activation(name, [shape[0]]);
}

function gradientTensor(graph: GraphBuilder, logits: TensorId): TensorId {
  return graph.activation(`d ${graph.tensor(logits).name}`, graph.shapeOf(logits));
}

/**
 * Cross-entropy with target probabilities: logits [batch, classes], targets [batch, classes] → loss [batch] =
 * −Σ t·log softmax(logits). timm's SoftTargetCrossEntropy before its mean. Throws `graph/shape`.
 */
export function softTargetCrossEntropy(graph: GraphBuilder, logits: TensorId, targets: TensorId): TensorId {
  const loss = lossTensor(graph, logits, targets, "softTargetCrossEntropy");
  graph.add("softTargetCrossEntropy", { reads: { logits, targets }, writes: { loss } });
  return loss;
}

export const softTargetCrossEntropyGradient: GradientRule<"softTargetCrossEntropy"> = (
  sweep,
  { reads, writes },
) => {
  const dLoss = sweep.gradientOf(writes.loss);
  if (dLoss === undefined || !sweep.wants(reads.logits)) return;
  const dLogits = gradientTensor(sweep.graph, reads.logits);
  sweep.graph.add("softTargetCrossEntropyBackward", { reads: { ...reads, dLoss }, writes: { dLogits } });
  sweep.contribute(reads.logits, dLogits);
};

/**
 * Binary cross-entropy of every class: logits [batch, classes], targets [batch, classes] → loss [batch], the mean over
 * classes of torch's BCEWithLogitsLoss, which DeiT III trains with. Throws `graph/shape`.
 */
export function binaryCrossEntropy(graph: GraphBuilder, logits: TensorId, targets: TensorId): TensorId {
  const loss = lossTensor(graph, logits, targets, "binaryCrossEntropy");
  graph.add("binaryCrossEntropy", { reads: { logits, targets }, writes: { loss } });
  return loss;
}

export const binaryCrossEntropyGradient: GradientRule<"binaryCrossEntropy"> = (sweep, { reads, writes }) => {
  const dLoss = sweep.gradientOf(writes.loss);
  if (dLoss === undefined || !sweep.wants(reads.logits)) return;
  const dLogits = gradientTensor(sweep.graph, reads.logits);
  sweep.graph.add("binaryCrossEntropyBackward", { reads: { ...reads, dLoss }, writes: { dLogits } });
  sweep.contribute(reads.logits, dLogits);
};

/**
 * Hard-label distillation (DeiT, arXiv 2012.12877, section 4): logits [batch, classes], teacher [batch, classes] →
 * loss [batch], the cross-entropy with the teacher's largest logit, the first one in a tie. Throws `graph/shape`.
 */
export function hardDistillation(graph: GraphBuilder, logits: TensorId, teacher: TensorId): TensorId {
  const loss = lossTensor(graph, logits, teacher, "hardDistillation");
  graph.add("hardDistillation", { reads: { logits, teacher }, writes: { loss } });
  return loss;
}

export const hardDistillationGradient: GradientRule<"hardDistillation"> = (sweep, { reads, writes }) => {
  const dLoss = sweep.gradientOf(writes.loss);
  if (dLoss === undefined || !sweep.wants(reads.logits)) return;
  const dLogits = gradientTensor(sweep.graph, reads.logits);
  sweep.graph.add("hardDistillationBackward", { reads: { ...reads, dLoss }, writes: { dLogits } });
  sweep.contribute(reads.logits, dLogits);
};

/**
 * Soft distillation (DeiT, arXiv 2012.12877, section 4): logits [batch, classes], teacher [batch, classes] → loss
 * [batch] = τ²/classes · Σ q·(log q − log p), where p = softmax(logits/τ) and q = softmax(teacher/τ). losses.py of
 * deit divides by batch·classes, so the mean over the batch has this form. Throws `graph/shape`.
 */
export function softDistillation(
  graph: GraphBuilder,
  logits: TensorId,
  teacher: TensorId,
  tau: number,
): TensorId {
  const loss = lossTensor(graph, logits, teacher, "softDistillation");
  graph.add("softDistillation", { reads: { logits, teacher }, writes: { loss }, attributes: { tau } });
  return loss;
}

export const softDistillationGradient: GradientRule<"softDistillation"> = (
  sweep,
  { reads, writes, attributes },
) => {
  const dLoss = sweep.gradientOf(writes.loss);
  if (dLoss === undefined || !sweep.wants(reads.logits)) return;
  const dLogits = gradientTensor(sweep.graph, reads.logits);
  sweep.graph.add("softDistillationBackward", {
    reads: { ...reads, dLoss },
    writes: { dLogits },
    attributes,
  });
  sweep.contribute(reads.logits, dLogits);
};
