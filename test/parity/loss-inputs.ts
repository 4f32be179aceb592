// Loss inputs: the fixed batch that losses, gradients and optimizer steps of the fixtures are computed on.

import type { ImageInputs } from "../../runtime/training/program.js";
import type { ParityContext } from "./case.js";
import { fixtureLabels, fixtureValues, microConfig } from "./micro-model.js";

const FILE = "loss_inputs.safetensors";

/** The form of the labels in the base loss: unchanged, smoothed by 0.1, or mixed and smoothed. */
export type Targets = "one-hot" | "smoothed" | "mixed";

/** ε of label smoothing in every fixture. */
const SMOOTHING = 0.1;

/** Targets [batch, classes]; smoothed = (1−ε)·one-hot + ε/classes, which makes both forms of the loss equal. */
function targetsOf(context: ParityContext, kind: Targets): Float32Array {
  if (kind === "mixed") return fixtureValues(context, FILE, "mixup_targets");
  const { classes } = microConfig(context, "plain");
  const labels = fixtureLabels(context, FILE, "labels");
  const smoothing = kind === "smoothed" ? SMOOTHING : 0;
  const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (const [sample, label] of labels.entries())
    targets[sample * classes + label] = 1 - smoothing + smoothing / classes;
  return targets;
}

export function lossBatchSize(context: ParityContext): number {
  return fixtureLabels(context, FILE, "labels").length;
}

/** Inputs of a step on the fixed batch, every sample with the same weight. */
export function lossInputs(context: ParityContext, targets: Targets): ImageInputs {
  const batch = lossBatchSize(context);
  return {
    image: fixtureValues(context, FILE, "input"),
    targets: targetsOf(context, targets),
    sampleWeights: new Float32Array(batch).fill(1 / batch),
    teacherLogits: fixtureValues(context, FILE, "teacher_logits"),
  };
}
