// Micro DeiT: a model small enough for a test, with random weights and pictures.

import type { ClassifierConfig } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import type { TrainingInputs, TrainingOptions } from "../../runtime/training/contract.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { Random } from "../nn/random.js";

export const MICRO: DeitConfig = {
  imageSize: 16,
  patchSize: 4,
  dim: 24,
  depth: 2,
  heads: 3,
  mlpDim: 40,
  classes: 5,
  distilled: true,
  layerNormEpsilon: 1e-6,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  cropRatio: 0.875,
};

export function randomWeights(config: DeitConfig, seed: number): TensorMap {
  const random = new Random(seed);
  const weights: TensorMap = new Map();
  for (const [name, shape] of deitParameters(config)) {
    const count = shape.reduce((a, b) => a * b);
    const isNorm = /norm\d?\.weight$/.test(name);
    weights.set(name, { shape, data: random.normals(count, isNorm ? 0.1 : 0.2, isNorm ? 1 : 0) });
  }
  return weights;
}

export function randomPixels(config: ClassifierConfig, count: number, seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: count * config.imageSize ** 2 * 3 }, () => random.between(0, 255));
}

export function trainingOptions(changes: Partial<TrainingOptions> = {}): TrainingOptions {
  const config = (changes.config ?? MICRO) as DeitConfig;
  return {
    config,
    weights: randomWeights(config, 1),
    batchSize: 4,
    distillation: "none",
    alpha: 0.5,
    tau: 1,
    dropPath: 0,
    ema: true,
    ...changes,
  };
}

/** Inputs for `batch` samples of random pixels, targets and teacher logits. */
export function trainingInputs(config: ClassifierConfig, batch: number, seed = 2): TrainingInputs {
  const random = new Random(seed);
  const targets = new Float32Array(batch * config.classes).fill(0.02);
  for (let sample = 0; sample < batch; sample++)
    targets[sample * config.classes + random.between(0, config.classes - 1)] = 0.92;
  return {
    pixels: randomPixels(config, batch, seed + 100),
    targets,
    sampleWeights: new Float32Array(batch).fill(1 / batch),
    teacherLogits: random.normals(batch * config.classes),
  };
}

export const STEP = {
  learningRate: 1e-2,
  weightDecay: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  step: 1,
  clipNorm: 0,
  emaDecay: 0.9,
};
