// Training: the contract between a trainer and the runtime. Types only; training-program.ts builds it.

import type { DeviceArray } from "../executors/executor.js";
import type { Started } from "../executors/pipelined.js";
import type { Logits } from "../inference/logits.js";
import type { DeitConfig } from "../models/deit/config.js";
import type { TensorMap } from "../weights/tensor-map.js";
import type { LossScale } from "./loss-scale.js";

export type Distillation = "none" | "soft" | "hard";

export interface TrainingOptions {
  config: DeitConfig;
  /** Starting weights, timm key names. */
  weights: TensorMap;
  /** Samples of an optimizer step. */
  batchSize: number;
  /**
   * Pieces of a batch that are computed one after the other, their gradients added up: the memory of a batch of
   * batchSize/pieces for the gradient of the whole, to float32's rounding. Must divide batchSize. Default 1.
   */
  pieces?: number;
  /** Keep only the blocks' inputs for the backward pass and compute the rest again: less memory, more time, the same bits. */
  recompute?: boolean;
  distillation: Distillation;
  /** Share of the distillation term, deit losses.py: total = (1−α)·base + α·distillation. */
  alpha: number;
  /** Temperature of soft distillation. */
  tau: number;
  /** Largest stochastic-depth rate (linear over depth); 0 builds a program without the scales. */
  dropPath: number;
  /** Names that get no weight decay besides one-dimensional tensors: pos_embed, cls_token, dist_token. */
  noDecay?: readonly string[];
  /** Keep an exponential moving average of the weights. */
  ema: boolean;
  /**
   * Scale the loss before its gradients are taken, so that float16 does not lose the small ones, by torch.amp.GradScaler's
   * rule. Default: where the executor keeps gradients in float16.
   */
  lossScaling?: boolean;
}

export interface TrainingInputs {
  /** uint8 [batch, size, size, 3]. */
  pixels: Uint8Array;
  /** Mixed, smoothed targets [batch, classes]. */
  targets: Float32Array;
  /** Weight of each sample in the mean, [batch]; they sum to 1 over an optimizer step (w[b] = weight / Σ weights). */
  sampleWeights: Float32Array;
  /**
   * Teacher logits [batch, classes]; needed unless distillation is `none`. On the device, where `submit` is there: an array
   * [batch/pieces, classes] for each piece, which the step disposes of.
   */
  teacherLogits?: Float32Array | readonly DeviceArray[];
  /** Kept branch: 1/(1−rate), dropped: 0. [depth, 2 (attention, mlp), batch]; needed if dropPath > 0. */
  branchScales?: Float32Array;
}

/** One AdamW step (torch.optim.AdamW, decoupled decay), then the average. */
export interface OptimizerStep {
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Count of this step, from 1: for the bias correction. Steps that loss scaling leaves out are counted; the program takes them off. */
  step: number;
  /** Largest global L2 norm of the gradient (torch clip_grad_norm_), 0 = no clipping. */
  clipNorm: number;
  /** ema = decay·ema + (1−decay)·weights, after the step. */
  emaDecay: number;
}

export type TrainingState = "weights" | "ema" | "firstMoment" | "secondMoment";

export interface AppliedStep {
  /** Of the whole gradient, its scale undone; not finite where a gradient was not. */
  gradientNorm: number;
  /** False where a gradient was not finite: then nothing has changed but the scale of the loss. */
  applied: boolean;
  /** Behind this step; absent where the loss is not scaled. */
  lossScale?: LossScale;
}

export interface StepOutcome extends AppliedStep {
  loss: number;
}

export interface Training {
  /** Bytes of stores and arenas together. */
  readonly bytes: number;
  /** Forward, loss, gradients added to those already there. loss = Σ sampleWeights[b]·loss[b]. */
  accumulate(inputs: TrainingInputs): Promise<{ loss: number }>;
  /** Clips, steps, averages and clears the gradients. */
  apply(step: OptimizerStep): Promise<AppliedStep>;
  /**
   * `accumulate` and `apply` as one, resolving as soon as the inputs may be overwritten: the step is on its way then, and
   * whatever is asked for next comes behind it. Absent where the device is the processor.
   */
  submit?(inputs: TrainingInputs, step: OptimizerStep): Promise<{ outcome: Promise<StepOutcome> }>;
  /** Inference with the current weights or their average; any count ≤ batchSize. */
  evaluate(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Logits>;
  /** As `evaluate`, resolving as soon as the pixels may be overwritten: on a GPU the logits are on their way then. */
  submitEvaluation(pixels: Uint8Array, count: number, state: "weights" | "ema"): Promise<Started<Logits>>;
  /** The state to go on from. Absent where the loss is not scaled. */
  writeLossScale?(state: LossScale): void;
  /** Gradients accumulated so far, for tests and tools. */
  gradients(): Promise<TensorMap>;
  read(state: TrainingState): Promise<TensorMap>;
  write(state: TrainingState, tensors: TensorMap): void;
  dispose(): void;
}
