// Scalars: the tags under which TensorBoard shows a run: train/… for every step, val/… and val_ema/… for validations.

import type { StepMetrics } from "./core/step-metrics.js";
import type { ModelScores, ValidationScores } from "./core/validation.js";

export type Scalars = Readonly<Record<string, number | undefined>>;

export function stepScalars(metrics: StepMetrics): Scalars {
  return {
    "train/loss": metrics.loss,
    "train/running_loss": metrics.runningLoss,
    "train/target_entropy": metrics.targetEntropy,
    "train/lr": metrics.learningRate,
    "train/gradient_norm": metrics.gradientNorm,
    "train/images_per_second": metrics.imagesPerSecond,
    "train/data_wait": metrics.dataWait,
    "train/base_loss": metrics.terms?.base,
    "train/distillation_loss": metrics.terms?.distillation,
    "train/teacher_agreement": metrics.terms?.teacherAgreement,
    "train/loss_scale": metrics.lossScale?.scale,
  };
}

function scoresUnder(prefix: string, scores: ModelScores | null): Scalars {
  const { top1, top5, loss, heads } = scores ?? {};
  return {
    [`${prefix}/top1`]: top1,
    [`${prefix}/top5`]: top5,
    [`${prefix}/loss`]: loss,
    [`${prefix}/class_top1`]: heads?.class.top1,
    [`${prefix}/class_loss`]: heads?.class.loss,
    [`${prefix}/distillation_top1`]: heads?.distillation.top1,
    [`${prefix}/distillation_loss`]: heads?.distillation.loss,
  };
}

export function validationScalars({ weights, ema }: ValidationScores): Scalars {
  return { ...scoresUnder("val", weights), ...scoresUnder("val_ema", ema) };
}
