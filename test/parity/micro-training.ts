// Micro training: a training of a fixture folder's model, set up as its gradient and optimizer files were made.

import type { Executor } from "../../runtime/executors/executor.js";
import type { OptimizerStep, TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining, type ImageTraining } from "../../runtime/training/program.js";
import type { ParityContext } from "./case.js";
import { lossBatchSize } from "./loss-inputs.js";
import { type ModelKind, microConfig, microWeights } from "./micro-model.js";

export type StepChoice = Partial<Pick<TrainingOptions, "distillation" | "alpha" | "tau" | "noDecay" | "ema">>;

/** Without drop path; α and τ matter only with distillation. */
export function microTraining(
  context: ParityContext,
  executor: Executor,
  kind: ModelKind,
  choice: StepChoice,
): Promise<ImageTraining> {
  return createTraining(executor, {
    config: microConfig(context, kind),
    weights: microWeights(context, kind),
    batchSize: lossBatchSize(context),
    distillation: "none",
    alpha: 0.5,
    tau: 1,
    dropPath: 0,
    ema: false,
    ...choice,
  });
}

interface AdamWFixture {
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay: number;
}

/** The settings of adamw.json for step `step`, counted from 1. */
export function microStep(
  context: ParityContext,
  step: number,
  choice: { clipNorm?: number; emaDecay?: number } = {},
): OptimizerStep {
  const { lr, betas, eps, weight_decay } = context.json<AdamWFixture>("adamw.json");
  return {
    learningRate: lr,
    weightDecay: weight_decay,
    beta1: betas[0],
    beta2: betas[1],
    epsilon: eps,
    step,
    clipNorm: choice.clipNorm ?? 0,
    emaDecay: choice.emaDecay ?? 0,
  };
}
