// Contract of the inference server: what its parts ask of each other. A protocol (gRPC, REST) turns a call into an
// InferenceRequest; the repository finds the engine of a model's version; the engine answers.

import type { Logits } from "../../runtime/inference/logits.js";
import type { ModelConfig } from "../../runtime/models/families.js";
import type { RequestLife } from "../request-life.js";

/** What a request is about. */
export type RequestImages =
  /** Picture files, which the engine decodes to the model's input. */
  | { kind: "pictures"; files: readonly Uint8Array[] }
  /** uint8 [count, size, size, 3], RGB before normalization. */
  | { kind: "pixels"; count: number; data: Uint8Array }
  /** float32 [count, 3, size, size], normalized, as PyTorch's models take them. */
  | { kind: "values"; count: number; data: Float32Array };

export const imageCount = (images: RequestImages): number =>
  images.kind === "pictures" ? images.files.length : images.count;

/** What is computed besides the logits, only where it is asked for. */
export interface ExtraResults {
  /** The features that the head reads. */
  embeddings?: boolean;
  /** Attention rollout over the patches. */
  attention?: boolean;
}

export interface InferenceRequest {
  images: RequestImages;
  extra: ExtraResults;
  /** Requests with a lower number go first. Default of the protocols: 0. */
  priority: number;
  life: RequestLife;
}

export interface InferenceAnswer {
  count: number;
  logits: Logits;
  /** float32 [count, width of the features]. */
  embeddings?: Float32Array;
  /** Per image the attention rollout, float32 [count, grid, grid]. */
  attention?: { grid: number; values: Float32Array };
}

export interface ModelLimits {
  /** Images that run at once. */
  maxBatch: number;
  /** Images that may wait, those that are being decoded included. */
  maxQueue: number;
  /** Images of one request. */
  maxImages: number;
  /** Microseconds that a batch which is not full waits for more images. */
  queueDelayUs: number;
  /** Largest message in bytes. */
  maxMessageBytes: number;
  /** Largest number of pixels that a picture's header may claim; a larger JPEG is decoded at a smaller scale. */
  maxPixels: number;
  /** Milliseconds that decoding a request's picture may take. */
  decodeTimeoutMs: number;
}

/** What a version of a model says about itself. */
export interface ModelFacts {
  name: string;
  /** A positive whole number as text. */
  version: string;
  config: ModelConfig;
  /** Class names in index order. */
  labels: readonly string[];
  /** Number of float32 weights. */
  parameters: number;
  /** SHA-256 of its weight files, hexadecimal. Absent: not stated. */
  weightsDigest?: string;
  /** Device string, such as `wasm`. */
  device: string;
  limits: ModelLimits;
}

/** One version of a model, ready to answer. */
export interface ModelEngine {
  readonly facts: ModelFacts;
  /**
   * Throws `network/queue-full`, `network/deadline`, `network/canceled`, `network/draining`, `jpeg/…` and `image/…` for
   * pictures, `protocol/tensor` for a request of too many images, `device/…`.
   */
  infer(request: InferenceRequest): Promise<InferenceAnswer>;
  /** Takes no new request, and resolves when those in progress have ended. */
  drain(): Promise<void>;
  /** Frees the model; requests in progress fail. */
  close(): Promise<void>;
}

export type ModelState = "loading" | "ready" | "unloading" | "unavailable";

export interface ModelStatus {
  name: string;
  /** Empty where a model has no version that can be named. */
  version: string;
  state: ModelState;
  /** Why it is not ready. */
  reason: string;
}

/** The models of a server. */
export interface ModelRepository {
  /** Name "" is the only model of a server that has one; version "" the newest that is ready. Throws `protocol/unknown-model`. */
  find(name: string, version: string): ModelEngine;
  /** Versions of a model that are ready, the newest last. Throws `protocol/unknown-model`. */
  versions(name: string): readonly string[];
  /** Every model, in the order of names and versions. */
  index(): readonly ModelStatus[];
  /** False for one that is loading, stopping or unknown. */
  isReady(name: string, version: string): boolean;
  /** Reads the model's folder again and serves what it has. Throws `protocol/unknown-model`, `protocol/model-control`. */
  load(name: string): Promise<void>;
  /** Throws `protocol/unknown-model`, `protocol/model-control`. */
  unload(name: string): Promise<void>;
  /** Called after every change of `index()`. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

/** How a request ended, for metrics, statistics and logs. */
export interface RequestRecord {
  model: string;
  version: string;
  images: number;
  /** Code of the error it ended with; null: answered. */
  code: string | null;
  /** Seconds from its arrival in the engine to its end, and in which of them it waited, was decoded and computed. */
  seconds: { total: number; queue: number; decode: number; compute: number };
}

/** A batch that ran. */
export interface BatchRecord {
  model: string;
  version: string;
  images: number;
  seconds: number;
}

/** What an engine reports. Called on the serving thread: it must be quick, and must not throw. */
export interface InferenceObserver {
  requestEnded(record: RequestRecord): void;
  batchEnded(record: BatchRecord): void;
}
