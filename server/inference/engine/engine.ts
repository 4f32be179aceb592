// Engine: one version of a model with the queue in front of it. What a request costs begins after its admission: its
// pictures are decoded in threads, and enter the batcher one by one.

import { isVitrineError, VitrineError } from "../../../runtime/errors.js";
import type { Started } from "../../../runtime/executors/pipelined.js";
import type { Answer, ExtraResults, ImageTensor } from "../../../runtime/inference/answer.js";
import { inputTransform } from "../../../runtime/models/config.js";
import type { ModelConfig } from "../../../runtime/models/model-config.js";
import {
  type EngineLoad,
  type InferenceAnswer,
  type InferenceObserver,
  type InferenceRequest,
  imageCount,
  type ModelEngine,
  type ModelFacts,
  type ModelLimits,
} from "../contract.js";
import { decodeWith, type PictureDecoder } from "../pictures/picture-decoder.js";
import { Admission } from "./admission.js";
import { kindOf } from "./batch.js";
import { Batcher, type QueuedRequest } from "./batcher.js";
import { DeviceTurns } from "./device-turns.js";
import { RequestClock } from "./request-clock.js";

/** What the engine knows of a model, as values and functions: the code that loads it decides how it runs. */
export interface ServedModel {
  name: string;
  config: ModelConfig;
  /** Class names in index order. */
  labels: readonly string[];
  /** Number of float32 weights. */
  parameters: number;
  /** On its device: weights and buffers of its programs. Default: those of float32 weights. */
  bytes?: number;
  /** SHA-256 of its weight files, hexadecimal, by which clients know it again. Default: not stated. */
  weightsDigest?: string;
  /** What `submit` can compute besides the logits. Default: nothing. */
  extra?: ExtraResults;
  /** Device string, such as `wasm`. */
  device: string;
  /**
   * Pixels, uint8 [count, size, size, 3], or normalized values, float32 [count, 3, size, size] → logits [count, classes]
   * and what `extra` asks for. Resolves when the next call may come: on a GPU the logits are still being computed then.
   * The images must not change until the outcome has resolved.
   */
  submit(images: ImageTensor, count: number, extra?: ExtraResults): Promise<Started<Answer>>;
  /** An encoded picture → the evaluation input, uint8 [size, size, 3]; used where the engine has no picture decoder. */
  readPicture(encoded: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

export interface EngineOptions {
  version: string;
  limits: ModelLimits;
  observer?: InferenceObserver;
  /** Decodes pictures for all models of a server. Default: `readPicture` of the model, in the serving thread. */
  pictures?: PictureDecoder;
  /** The models of one device compute in turn. Default: the model has its device for itself. */
  turns?: DeviceTurns;
  /** Of the model among those of its device: a lower number goes first. Default 0. */
  priority?: number;
}

/** Longest delay of a timer; a later deadline needs none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function draining(): VitrineError {
  return new VitrineError("network/draining", "the server is stopping: use another one, or try again later");
}

/** The error names the element of the request. */
function atElement(error: unknown, element: number): unknown {
  if (!isVitrineError(error) || error.code.startsWith("network/")) return error;
  return new VitrineError(error.code, `input "image", element ${element}: ${error.message}`, {
    details: { ...error.details, element },
    cause: error,
  });
}

class Engine implements ModelEngine {
  readonly #model: ServedModel;
  readonly #options: EngineOptions;
  readonly #pictures: PictureDecoder;
  readonly #batcher: Batcher;
  readonly #admission: Admission;
  readonly #inProgress = new Set<Promise<unknown>>();
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(model: ServedModel, options: EngineOptions) {
    const { version, limits, observer } = options;
    this.#model = model;
    this.#options = options;
    this.#pictures = options.pictures ?? decodeWith((file) => model.readPicture(file));
    const batcher = new Batcher({
      maxBatch: limits.maxBatch,
      queueDelayUs: limits.queueDelayUs,
      imageLength: model.config.imageSize ** 2 * 3,
      turns: options.turns ?? new DeviceTurns(),
      priority: options.priority,
      run: (images, count, extra) => model.submit(images, count, extra),
      onBatch: (images, seconds) => observer?.batchEnded({ model: model.name, version, images, seconds }),
    });
    this.#batcher = batcher;
    this.#admission = new Admission({ facts: () => this.facts, batcher, pictures: this.#pictures });
  }

  get facts(): ModelFacts {
    const { name, config, labels, parameters, extra, weightsDigest, device } = this.#model;
    const { version, limits } = this.#options;
    const digest = weightsDigest !== undefined && { weightsDigest };
    const more = extra !== undefined && { extra };
    return { name, version, config, labels, parameters, device, limits, ...digest, ...more };
  }

  async infer(request: InferenceRequest): Promise<InferenceAnswer> {
    const clock = new RequestClock();
    const answer = this.#answer(request, clock);
    this.#inProgress.add(answer);
    let code: string | null = null;
    try {
      return await answer;
    } catch (error) {
      code = isVitrineError(error) ? error.code : "internal/unexpected";
      throw error;
    } finally {
      this.#inProgress.delete(answer);
      this.#options.observer?.requestEnded({
        model: this.#model.name,
        version: this.#options.version,
        images: imageCount(request.images),
        code,
        seconds: clock.seconds(),
      });
    }
  }

  load(): EngineLoad {
    const { parameters, bytes = parameters * Float32Array.BYTES_PER_ELEMENT } = this.#model;
    return {
      pendingImages: this.#batcher.queued,
      queueBytes: this.#admission.heldBytes,
      modelBytes: bytes,
    };
  }

  async #answer(request: InferenceRequest, clock: RequestClock): Promise<InferenceAnswer> {
    if (this.#draining) throw draining();
    const admitted = this.#admission.admit(request);
    const { images, extra, priority, life } = request;
    const count = imageCount(images);
    const kind = kindOf(images.kind === "values" ? "values" : "pixels", extra);
    const { deadline, caller } = life;
    const queued = this.#batcher.enter({ count, kind, priority, deadline, clock, caller });
    admitted.entered(queued);
    const forget = failAtEnd(request, queued);
    try {
      if (images.kind === "pictures") this.#addPictures(images.files, request, queued, clock);
      else addRows(images, queued);
      const { embeddings, attention, ...logits } = await queued.answer;
      const { total: _, ...seconds } = clock.seconds();
      return { count, seconds, logits, ...(embeddings && { embeddings }), ...(attention && { attention }) };
    } finally {
      forget();
      admitted.leave();
      this.#pictures.abandon(request);
    }
  }

  #addPictures(
    files: readonly Uint8Array[],
    request: InferenceRequest,
    queued: QueuedRequest,
    clock: RequestClock,
  ): void {
    const { maxPixels: pixelLimit, decodeTimeoutMs: timeoutMs } = this.#options.limits;
    const { priority, life } = request;
    const common = { transform: inputTransform(this.#model.config), pixelLimit, timeoutMs, priority };
    for (const [index, file] of files.entries()) {
      let hasStarted = false;
      const onStart = (): void => {
        hasStarted = true;
        clock.decodeStarted();
      };
      const { deadline, caller = "" } = life;
      const job = { ...common, file, deadline, caller, owner: request, onStart };
      this.#pictures
        .decode(job)
        .finally(() => hasStarted && clock.decodeEnded())
        .then(
          (pixels) => queued.add(index, pixels),
          (error) => queued.fail(atElement(error, index)),
        );
    }
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.allSettled(this.#inProgress);
  }

  close(): Promise<void> {
    this.#draining = true;
    this.#closed ??= this.#batcher.close(draining());
    return this.#closed;
  }
}

/** Adds every row of a tensor [count, …]. */
function addRows({ count, data }: { count: number; data: ImageTensor }, queued: QueuedRequest): void {
  const length = data.length / count;
  for (let index = 0; index < count; index++)
    queued.add(index, data.subarray(index * length, (index + 1) * length));
}

/** Ends a request when its caller is gone or its deadline passes. Returns what stops waiting for that. */
function failAtEnd({ life, images }: InferenceRequest, queued: QueuedRequest): () => void {
  const { signal, deadline } = life;
  const cancel = () => queued.fail(new VitrineError("network/canceled", "the caller canceled the request"));
  const expire = () => {
    const text = `the deadline passed before ${imageCount(images)} images were computed`;
    queued.fail(new VitrineError("network/deadline", text));
  };
  signal.addEventListener("abort", cancel, { once: true });
  const leftMs = deadline - Date.now();
  const timer = leftMs <= MAX_TIMER_MS ? setTimeout(expire, Math.max(0, leftMs)) : undefined;
  return () => {
    signal.removeEventListener("abort", cancel);
    clearTimeout(timer);
  };
}

export function createEngine(model: ServedModel, options: EngineOptions): ModelEngine {
  return new Engine(model, options);
}
