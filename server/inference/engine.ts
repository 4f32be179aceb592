// Engine: one version of a model with the queue in front of it. It decodes the pictures of a request and has the batcher
// compute them.

import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { isDistilled, type ModelConfig } from "../../runtime/models/families.js";
import { Batcher } from "./batcher.js";
import {
  type EngineLoad,
  type InferenceAnswer,
  type InferenceObserver,
  type InferenceRequest,
  imageCount,
  type ModelEngine,
  type ModelFacts,
  type ModelLimits,
  type RequestImages,
} from "./contract.js";

/** What the engine knows of a model, as values and functions: the code that loads it decides how it runs. */
export interface ServedModel {
  name: string;
  config: ModelConfig;
  /** Class names in index order. */
  labels: readonly string[];
  /** Number of float32 weights. */
  parameters: number;
  /** SHA-256 of its weight files, hexadecimal, by which clients know it again. Default: not stated. */
  weightsDigest?: string;
  /** Device string, such as `wasm`. */
  device: string;
  /**
   * uint8 [count, size, size, 3] → logits [count, classes]. Resolves when the next call may come: on a GPU the logits
   * are still being computed then. The pixels must not change until the outcome has resolved.
   */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  /** An encoded picture → the evaluation input, uint8 [size, size, 3]. */
  readPicture(encoded: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

export interface EngineOptions {
  version: string;
  limits: ModelLimits;
  observer?: InferenceObserver;
}

async function decode(model: ServedModel, files: readonly Uint8Array[]): Promise<Uint8Array> {
  const imageBytes = model.config.imageSize ** 2 * 3;
  const pixels = new Uint8Array(files.length * imageBytes);
  for (const [element, file] of files.entries()) {
    try {
      pixels.set(await model.readPicture(file), element * imageBytes);
    } catch (error) {
      if (!isVitrineError(error)) throw error;
      throw new VitrineError(error.code, `input "image", element ${element}: ${error.message}`, {
        details: { ...error.details, element },
        cause: error,
      });
    }
  }
  return pixels;
}

class Engine implements ModelEngine {
  readonly #model: ServedModel;
  readonly #options: EngineOptions;
  readonly #batcher: Batcher;
  readonly #inProgress = new Set<Promise<unknown>>();
  #draining = false;

  constructor(model: ServedModel, options: EngineOptions) {
    const { imageSize, classes } = model.config;
    this.#model = model;
    this.#options = options;
    this.#batcher = new Batcher({
      maxBatch: options.limits.maxBatch,
      maxQueue: options.limits.maxQueue,
      run: (pixels, count) => model.submit(pixels, count),
      imageBytes: imageSize * imageSize * 3,
      classes,
      distilled: isDistilled(model.config),
    });
  }

  get facts(): ModelFacts {
    const { name, config, labels, parameters, weightsDigest, device } = this.#model;
    const { version, limits } = this.#options;
    const digest = weightsDigest !== undefined && { weightsDigest };
    return { name, version, config, labels, parameters, device, limits, ...digest };
  }

  async infer(request: InferenceRequest): Promise<InferenceAnswer> {
    if (this.#draining)
      throw new VitrineError(
        "network/draining",
        "the server is stopping: use another one, or try again later",
      );
    const answer = this.#answer(request);
    this.#inProgress.add(answer);
    try {
      return await answer;
    } finally {
      this.#inProgress.delete(answer);
    }
  }

  load(): EngineLoad {
    const { config, parameters } = this.#model;
    const pendingImages = this.#batcher.queued;
    return {
      pendingImages,
      queueBytes: pendingImages * config.imageSize ** 2 * 3,
      modelBytes: parameters * Float32Array.BYTES_PER_ELEMENT,
    };
  }

  async #answer({ images, life }: InferenceRequest): Promise<InferenceAnswer> {
    const count = imageCount(images);
    const arrived = performance.now();
    const pixels = await this.#pixels(images);
    const decoded = performance.now();
    const logits = await this.#batcher.submit(pixels, count, life);
    // The batcher does not say when a request's first batch started.
    const compute = (performance.now() - decoded) / 1000;
    return { count, logits, seconds: { queue: 0, decode: (decoded - arrived) / 1000, compute } };
  }

  async #pixels(images: RequestImages): Promise<Uint8Array> {
    if (images.kind === "pictures") return decode(this.#model, images.files);
    if (images.kind === "pixels") return images.data;
    throw new VitrineError("protocol/tensor", "normalized floats are not taken; send pixels or pictures");
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled(this.#inProgress);
  }

  async close(): Promise<void> {}
}

export function createEngine(model: ServedModel, options: EngineOptions): ModelEngine {
  return new Engine(model, options);
}
