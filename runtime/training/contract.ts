// Training contract: what a trainer passes to the runtime and gets from it. Types only; program.ts implements them.

import type { DeviceArray } from "../executors/device-store.js";
import type { Started } from "../executors/pipelined.js";
import type { Logits } from "../inference/logits.js";
import type { DeitConfig } from "../models/deit/config.js";
import type { RegnetyConfig } from "../models/regnety/config.js";
import type { TensorMap } from "../weights/tensor-map.js";

/** `soft`: KL divergence from the teacher's softened distribution; `hard`: cross-entropy with its decision. */
export type Distillation = "none" | "soft" | "hard";

/**
 * What the sum of soft distillation is divided by: `main` by batch·classes, as losses.py of facebook's deit, `paper` by
 * the batch, as equation 2 of arXiv 2012.12877: `classes` times as much.
 */
export type SoftScale = "main" | "paper";

/** AdamW (torch), SGD with Nesterov momentum (torch, as timm's "sgd"), or LAMB (timm). */
export type OptimizerName = "adamw" | "sgd" | "lamb";

/**
 * What is trained and by which loss. Everything about an optimizer step that may change from step to step is in
 * `OptimizerStep`.
 */
export interface TrainingOptions {
  config: DeitConfig | RegnetyConfig;
  /** Starting weights under timm's names, float32, running statistics included; they are copied. */
  weights: TensorMap;
  /** Batches that the running statistics of batch norm in `weights` have seen. Default 0. */
  batchesTracked?: number;
  /** Samples of an optimizer step. */
  batchSize: number;
  /**
   * Number of micro-batches of a batch, computed sequentially with their gradients added up: the memory of a batch of
   * batchSize/pieces for the gradient of the whole, up to float32's rounding. Batch norm, where a model has it,
   * normalizes each micro-batch by its own statistics, and the running ones move once per micro-batch, as in PyTorch.
   * Without a GPU two gradients more are kept on the host meanwhile. Must divide batchSize. Default 1.
   */
  pieces?: number;
  /**
   * Keep only the blocks' inputs for the backward pass and compute the rest again: less memory, more time, the same
   * bits. Default false.
   */
  recompute?: boolean;
  /** What the second head learns from the teacher, or in a model without a distillation token the class head. */
  distillation: Distillation;
  /**
   * Weight of the distillation term, 0 to 1: total = (1−α)·base + α·distillation, losses.py of facebook's deit, whose
   * default is 0.5.
   */
  alpha: number;
  /** Temperature of soft distillation; 1 in facebook's deit by default. */
  tau: number;
  /** Of soft distillation. Default main. */
  softScale?: SoftScale;
  /** Stochastic-depth rate of the last block; earlier ones are linear over depth. 0 builds a program without it. */
  dropPath: number;
  /**
   * Names without weight decay besides biases and one-dimensional tensors. Default: for a DeiT pos_embed, cls_token and
   * dist_token, for a RegNetY none.
   */
  noDecay?: readonly string[];
  /**
   * Names of parameters that stay as they are: torch's requires_grad = False. They have no gradient and no part in its
   * norm. Default none.
   */
  frozen?: readonly string[];
  /** Default adamw. */
  optimizer?: OptimizerName;
  /** Factor on the learning rate of a parameter, by its name. Default 1 for all. */
  rateFactors?: ReadonlyMap<string, number>;
  /**
   * Loss of the class head: `soft` is cross-entropy with the targets' probabilities, `binary` the mean over classes of
   * torch's BCEWithLogitsLoss, DeiT III's, whose targets are 0 or 1 each. Default soft.
   */
  loss?: "soft" | "binary";
  /**
   * Submodel co-training (main.py's --cosub, arXiv 2212.04884): every sample is computed twice, each time with branches of
   * its own, and learns from its targets and from the other computation's probabilities, half each, by the binary loss. The images are
   * doubled here; `branchScales` are [depth, branches, 2·batch], the second computations after the first ones. Without a
   * teacher. Default false.
   */
  cosub?: boolean;
  /** Keep an exponential moving average of the weights. */
  ema: boolean;
  /**
   * Scale the loss before its gradients are taken, so that float16 does not lose the small ones, by the rule of
   * torch.amp.GradScaler. Default: where the executor keeps gradients in float16.
   */
  lossScaling?: boolean;
}

/**
 * A batch of samples; [batch] is `batchSize` of the options. The caller may reuse the arrays once the call has
 * resolved.
 */
export interface TrainingInputs {
  /** Images uint8 [batch, size, size, 3]. */
  pixels: Uint8Array;
  /** Target probabilities float32 [batch, classes], mixed and smoothed. */
  targets: Float32Array;
  /** Weight of each sample in the mean, float32 [batch]; they sum to 1 over an optimizer step. */
  sampleWeights: Float32Array;
  /**
   * Teacher logits float32 [batch, classes]; required unless distillation is `none`. On the device, where `submit` is
   * available: an array [batch/pieces, classes] per micro-batch, of which the step disposes.
   */
  teacherLogits?: Float32Array | readonly DeviceArray[];
  /**
   * Factor on each branch, float32 [depth, branches, batch], 2 branches in a DeiT's block (attention, MLP), 1 in a
   * RegNetY's: 1/(1−rate) where it is kept, 0 where it is dropped. Required if dropPath > 0. With cosub [2·batch].
   */
  branchScales?: Float32Array;
}

/** An optimizer step, of AdamW unless the options name another, then the moving average. */
export interface OptimizerStep {
  learningRate: number;
  /**
   * AdamW's is decoupled: the weights shrink by learningRate·weightDecay. SGD adds weightDecay·weights to the gradient,
   * LAMB to its direction.
   */
  weightDecay: number;
  /** Of SGD. Default 0.9. */
  momentum?: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /**
   * Number of this step, from 1, for the bias correction. Steps that loss scaling skips are counted here; the program
   * subtracts them.
   */
  step: number;
  /**
   * Largest global L2 norm of the gradient (torch.nn.utils.clip_grad_norm_); 0 disables clipping. LAMB always clips at
   * 1 as well, as timm's.
   */
  clipNorm: number;
  /** ema = decay·ema + (1−decay)·weights, after the step. */
  emaDecay: number;
}

/**
 * Tensors that a training keeps, each with the names and shapes of the weights; the moments without batch norm's running
 * statistics, which no gradient changes. SGD's momentum is `firstMoment`, and it has no second one: that reads as no
 * tensors, and what is written to it is ignored.
 */
export type TrainingState = "weights" | "ema" | "firstMoment" | "secondMoment";

/** State of torch.amp.GradScaler. */
export interface LossScale {
  /** Factor on the loss before its gradients are taken. */
  scale: number;
  /** Consecutive steps without an overflow since the scale last changed. */
  goodSteps: number;
  /** Steps skipped so far because a gradient was not finite. */
  skipped: number;
}

/** What an optimizer step did. */
export interface AppliedStep {
  /** L2 norm of the whole gradient before clipping, its scale undone; not finite where a gradient was not. */
  gradientNorm: number;
  /** False where a gradient was not finite: then nothing has changed but the scale of the loss. */
  applied: boolean;
  /** State after this step; absent where the loss is not scaled. */
  lossScale?: LossScale;
}

/** The terms of a distilled loss, (1−α)·base + α·distillation. */
export interface LossTerms {
  /** Σ sampleWeights[b]·base[b]: the class head's cross-entropy with the targets. */
  base: number;
  /** Σ sampleWeights[b]·distillation[b], as `softScale` divides it. */
  distillation: number;
  /** Percent of the batch's samples on which the student, by the mean of its heads' logits, decides as the teacher. */
  teacherAgreement: number;
}

/** The loss of a batch. */
export interface BatchLoss {
  /** Σ sampleWeights[b]·loss[b]. */
  loss: number;
  /** Absent without distillation. */
  terms?: LossTerms | undefined;
}

/** What a micro-batch adds to the loss of its batch; without distillation all but `loss` are 0. */
export interface LossSums {
  /** Σ sampleWeights[b]·loss[b]. */
  loss: number;
  /** The terms of `LossTerms`. */
  base: number;
  distillation: number;
  /** Samples on which student and teacher decide alike, of those compared. */
  alike: number;
  compared: number;
}

/** What a submitted step did, with its loss. */
export interface StepOutcome extends AppliedStep, BatchLoss {}

/**
 * A model in training on an executor: weights, gradients, the optimizer's moments and the average. One call at a time.
 */
export interface Training {
  /** Bytes of all stores and of the largest program's tensors. */
  readonly bytes: number;
  /** Batches that batch norm's running statistics have seen: timm's num_batches_tracked. */
  readonly batchesTracked: number;
  /**
   * Forward, loss, backward: adds the gradients to those already accumulated. `loss` is Σ sampleWeights[b]·loss[b].
   * Throws `graph/input` where an input is missing or has another size.
   */
  accumulate(inputs: TrainingInputs): Promise<BatchLoss>;
  /** Clips, steps, averages and clears the gradients. Throws `training/step` for a step below 1. */
  apply(step: OptimizerStep): Promise<AppliedStep>;
  /**
   * `accumulate` and `apply` in one, resolving as soon as the inputs may be overwritten, while the device computes;
   * later calls are queued after it. Absent on the CPU.
   */
  submit?(inputs: TrainingInputs, step: OptimizerStep): Promise<{ outcome: Promise<StepOutcome> }>;
  /**
   * Inference with the current weights or their average: pixels uint8 [count, size, size, 3], count ≤ batchSize →
   * logits [count, classes]. Throws `image/size`, and `training/ema` where there is no average.
   */
  evaluate(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Logits>;
  /** As `evaluate`, resolving as soon as the pixels may be overwritten, while a GPU still computes the logits. */
  submitEvaluation(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Started<Logits>>;
  /** Of steps that processes average from time to time. Absent where they do not. */
  readonly outerMomentum?: { read(): TensorMap; write(tensors: TensorMap): void };
  /** Continues from a state of the loss scale. Absent where the loss is not scaled. */
  writeLossScale?(state: LossScale): void;
  /** The gradients accumulated so far, in the shapes of the weights; none of running statistics. */
  gradients(): Promise<TensorMap>;
  /** Copies a state out. Throws `training/ema` where there is no average. */
  read(state: TrainingState): Promise<TensorMap>;
  /** Replaces a state. Throws `weights/…` where the tensors are not the model's, and as `read`. */
  write(state: TrainingState, tensors: TensorMap): void;
  /** Frees the stores and programs; the executor stays usable. */
  dispose(): void;
}

/**
 * A training that also gives the gradient of one micro-batch by itself: for a batch whose micro-batches are computed in
 * several processes, which add the gradients up.
 */
export interface PieceTraining extends Training {
  /** Values of all parameters that are trained, and of their gradient. */
  readonly trainedCount: number;
  /**
   * The gradient of one micro-batch by itself, copied to `into` [trainedCount] in place of being accumulated: for a
   * batch whose micro-batches are computed in several processes. What was accumulated before is lost. Its values are in the
   * order in which the backward pass is done with them; `onFinal` is called with the number of those that are final, while
   * the others are computed where the executor can tell, and with all of them in the end.
   */
  gradientOf(
    inputs: TrainingInputs,
    into: Float32Array,
    onFinal?: (count: number) => void,
  ): Promise<LossSums>;
  /** Replaces what was accumulated by `gradient` [trainedCount], in the order of `gradientOf`. Throws `graph/shape` for another length. */
  writeGradient(gradient: Float32Array): void;
  /** Copies the trained parameters of a state that the training keeps to `into` [trainedCount]. */
  readTrained(state: TrainingState, into: Float32Array): Promise<void>;
  /** Replaces them. Throws `graph/shape` for another length. */
  writeTrained(state: TrainingState, values: Float32Array): void;
}
