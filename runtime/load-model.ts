// Load model: a model's files on a runtime, ready to answer pictures and pixels.

import type { Started } from "./executors/pipelined.js";
import type { ModelSource } from "./host/host.js";
import { readJpeg } from "./image/picture-reader.js";
import { int8Unavailable } from "./inference/int8-weights.js";
import type { Logits } from "./inference/logits.js";
import { type ClassScore, classScores } from "./inference/logits.js";
import { createInference, type Inference } from "./inference/program.js";
import { checkDtype } from "./model-files/convert.js";
import { parameterCount } from "./model-files/open-model.js";
import { type OpenClassifier, openClassifier } from "./model-files/read-model.js";
import { int8Layers } from "./models/deit/parameters.js";
import type { ModelConfig } from "./models/families.js";
import { isRegnety } from "./models/regnety/config.js";
import type { Runtime } from "./runtime.js";
import { toDtype, type WeightDtype } from "./weights/weight-dtype.js";

export interface ModelOptions {
  /** Batch sizes to build programs for; a batch runs in the smallest that holds it. Default 1, 2, 4, 8. */
  batchSizes?: readonly number[];
  /**
   * What the weights are: `float32`; `float16`, rounded to it and widened; `int8`, the blocks' linear layers computed in
   * eight bits (DeiT on wasm). Default: as the file keeps them, int8 widened where the device has no kernels.
   */
  dtype?: WeightDtype;
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
  /** What it computes with. */
  readonly dtype: WeightDtype;
  /** uint8 [count, size, size, 3] → logits [count, classes]. One call at a time. */
  logits(pixels: Uint8Array, count: number): Promise<Logits>;
  /**
   * As `logits`, resolving as soon as the pixels may be overwritten and the next call may come: on a GPU the logits are on
   * their way then, on the processor they are there.
   */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  /** As `Inference.onDevice`: logits that stay on the device. Absent where that is the processor. */
  onDevice?: Inference["onDevice"];
  /** A JPEG file → the evaluation input, uint8 [size, size, 3]: upright, resized, center cut out. `subject` names it in errors. */
  readPicture(jpeg: Uint8Array, subject?: string): Uint8Array;
  /** JPEG files → for each its most probable classes, best first. */
  classify(images: readonly Uint8Array[], options?: ClassifyOptions): Promise<ClassScore[][]>;
  dispose(): void;
}

/** int8 is taken from the file where the device has kernels, from the caller in any case. */
function chosenDtype(runtime: Runtime, model: OpenClassifier, wanted: WeightDtype | undefined): WeightDtype {
  const int8 = runtime.executor.createInt8Store !== undefined;
  if (wanted === "int8" && !int8) throw int8Unavailable(runtime.executor.device);
  const dtype = wanted ?? model.dtype;
  if (wanted !== undefined) checkDtype(model, wanted);
  if (dtype !== "int8" || (int8 && !isRegnety(model.config))) return dtype;
  runtime.host.notice(
    `${model.name}: its int8 weights are widened to float32, for there are no int8 kernels here`,
  );
  return "float32";
}

/** Throws what `openClassifier` throws and what `loadOpened` throws. */
export async function loadModel(
  runtime: Runtime,
  source: ModelSource,
  options: ModelOptions = {},
): Promise<Model> {
  return loadOpened(runtime, await openClassifier(source), options);
}

/** Throws `device/int8` or `model/dtype` where int8 cannot be had, and `graph/memory` where the model is too large for the executor. */
export async function loadOpened(
  runtime: Runtime,
  opened: OpenClassifier,
  options: ModelOptions = {},
): Promise<Model> {
  const { name, config, labels } = opened;
  const dtype = chosenDtype(runtime, opened, options.dtype);
  const layers = isRegnety(config) ? new Set<string>() : int8Layers(config);
  const { weights, matrices } = toDtype(opened.weights, dtype, layers, opened.matrices);
  const { batchSizes } = options;
  const inference = await createInference(runtime.executor, config, weights, {
    ...(batchSizes && { batchSizes }),
    matrices,
  });
  const { imageSize: size, cropRatio, classes } = config;
  const readPicture = (jpeg: Uint8Array, subject?: string): Uint8Array =>
    readJpeg(runtime.image, jpeg, { size, cropRatio, name: subject });
  return {
    name,
    config,
    labels,
    parameters: parameterCount(opened.weights),
    dtype,
    logits: (pixels, count) => inference.logits(pixels, count),
    submit: (pixels, count) => inference.submit(pixels, count),
    ...(inference.onDevice && { onDevice: inference.onDevice }),
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
