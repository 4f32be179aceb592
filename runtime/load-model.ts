// Load model: a model's files on a runtime, ready to answer pictures and pixels.

import { type ClassScore, classScores } from "./class-scores.js";
import type { Runtime } from "./create-runtime.js";
import type { ModelSource } from "./host/model-source.js";
import { evaluationInput } from "./image/evaluation-input.js";
import { createInference } from "./inference-program.js";
import type { ModelConfig } from "./models/model-config.js";
import { openClassifier } from "./open-classifier.js";
import { parameterCount } from "./open-model.js";
import type { Logits } from "./training.js";

export interface ModelOptions {
  /** Batch sizes to build programs for; a batch runs in the smallest that holds it. Default 1, 2, 4, 8. */
  batchSizes?: readonly number[];
}

export interface ClassifyOptions {
  /** Classes to name for each picture, best first. Default 5. */
  topK?: number;
}

export interface Model {
  readonly name: string;
  readonly config: ModelConfig;
  /** Class names in index order. */
  readonly labels: readonly string[];
  /** Float32 numbers in the weights. */
  readonly parameters: number;
  /** uint8 [count, size, size, 3] → logits [count, classes]. One call at a time. */
  logits(pixels: Uint8Array, count: number): Promise<Logits>;
  /** A JPEG file → the evaluation input, uint8 [size, size, 3]: upright, resized, centre cut out. `subject` names it in errors. */
  readPicture(jpeg: Uint8Array, subject?: string): Uint8Array;
  /** JPEG files → for each its most probable classes, best first. */
  classify(images: readonly Uint8Array[], options?: ClassifyOptions): Promise<ClassScore[][]>;
  dispose(): void;
}

/** Throws what `openClassifier` throws, and `graph/memory` where the model is too large for the executor. */
export async function loadModel(
  runtime: Runtime,
  source: ModelSource,
  options: ModelOptions = {},
): Promise<Model> {
  const { name, config, labels, weights } = await openClassifier(source);
  const inference = await createInference(runtime.executor, config, weights, options);
  const { imageSize: size, cropRatio, classes } = config;
  const readPicture = (jpeg: Uint8Array, subject?: string): Uint8Array =>
    evaluationInput(runtime.image, jpeg, { size, cropRatio, name: subject, orient: true });
  return {
    name,
    config,
    labels,
    parameters: parameterCount(weights),
    logits: (pixels, count) => inference.logits(pixels, count),
    readPicture,
    async classify(images, { topK = 5 } = {}) {
      if (images.length === 0) return [];
      const pixels = new Uint8Array(images.length * size * size * 3);
      images.forEach((jpeg, place) => {
        pixels.set(readPicture(jpeg), place * size * size * 3);
      });
      const { logits } = await inference.logits(pixels, images.length);
      return images.map((_, row) =>
        classScores(logits.subarray(row * classes, (row + 1) * classes), labels, topK),
      );
    },
    dispose: () => inference.dispose(),
  };
}
