// Contract of the inference server: what its parts ask of each other. A protocol (gRPC, REST) turns a call into an
// InferenceRequest; the repository finds the engine of a model's version; the engine answers.

import type { Answer, ExtraResults } from "../../runtime/inference/answer.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type { ModelConfig } from "../../runtime/models/model-config.js";
import type { RequestLife } from "../request-life.js";

export type { ExtraResults } from "../../runtime/inference/answer.js";

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

/** Priority of a request that states none, and the last one; 1 goes first. */
export const DEFAULT_PRIORITY = 5;
export const LOWEST_PRIORITY = 10;

export interface InferenceRequest {
  images: RequestImages;
  extra: ExtraResults;
  /** 1 to 10: requests with a lower number go first. */
  priority: number;
  life: RequestLife;
}

/** In which seconds of its time a request waited for others, was decoded and was computed. */
export interface RequestSeconds {
  /** Waiting for a decode thread and for a place in a batch. */
  queue: number;
  /** Decoding its pictures, from the first to the last; 0 where it had none. */
  decode: number;
  /** From the start of its first batch to the end of its last. */
  compute: number;
}

export interface InferenceAnswer extends Pick<Answer, "embeddings" | "attention"> {
  count: number;
  seconds: RequestSeconds;
  logits: Logits;
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
  /**
   * Largest number of pixels that a picture's header may claim; a larger JPEG is decoded at a smaller scale. Of formats
   * other than JPEG and PNG, which take more memory, a quarter.
   */
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
  /** What it can compute besides the logits. Default: nothing. */
  extra?: ExtraResults;
  limits: ModelLimits;
}

/** What an engine holds at the moment. */
export interface EngineLoad {
  /** Images that wait for a decode thread or for a batch, or are being decoded. */
  pendingImages: number;
  /** Bytes of the requests that wait: pictures and pixels. */
  queueBytes: number;
  /** Bytes of the model on its device: weights and buffers of its plans. */
  modelBytes: number;
}

/** What the decode threads do at the moment. */
export interface DecodeLoad {
  threads: number;
  busy: number;
}

/** One version of a model, ready to answer. */
export interface ModelEngine {
  readonly facts: ModelFacts;
  load(): EngineLoad;
  /**
   * Throws `network/queue-full` and `network/overloaded` with `retryAfterMs` in their details, `network/deadline`,
   * `network/canceled`, `network/draining`, `jpeg/…` and `image/…` for pictures, `protocol/tensor` for a request of too
   * many images, `device/…`.
   */
  infer(request: InferenceRequest): Promise<InferenceAnswer>;
  /** Takes no new request, and resolves when those in progress have ended. */
  drain(): Promise<void>;
  /** Requests that wait fail with `network/draining`, and a batch that runs is answered; then the model is free. */
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
  /**
   * Reads the model's folder again and serves what it has, after the orders before it. Throws `protocol/unknown-model`,
   * `protocol/model-control`, `network/queue-full` and what the end of `life` is, while it waits for its turn.
   */
  load(name: string, life: RequestLife): Promise<void>;
  /** Throws as `load`. */
  unload(name: string, life: RequestLife): Promise<void>;
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
  /** `total`: from its arrival in the engine to its end. */
  seconds: RequestSeconds & { total: number };
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

export const CALL_PROTOCOLS = ["grpc", "grpc-web", "http"] as const;
export type CallProtocol = (typeof CALL_PROTOCOLS)[number];

/** An inference call as it arrives, before its model is known. */
export interface ArrivingCall {
  protocol: CallProtocol;
  /** The model that it asks for, as the caller wrote it; unknown where the message cannot be read. */
  asked?: string | undefined;
  /** The caller's own name for it: the header x-request-id or the protocol's `id`. Empty or absent: one is made. */
  requestId?: string | undefined;
  /** W3C Trace Context, as the caller sent it. */
  traceparent?: string | undefined;
  tracestate?: string | undefined;
}

/** What a call was about, as far as it is known. Only names and versions of models of this server. */
export interface CallSubject {
  model: string;
  version: string;
  images: number;
  seconds?: RequestSeconds;
}

/** An inference call between its arrival and its end. */
export interface OpenCall {
  /** For the answer's x-request-id: printable ASCII, at most 128 characters. */
  readonly requestId: string;
  /** The answer is encoded. `outputSeconds`: from the engine's answer until then. */
  answered(subject: Required<CallSubject>, outputSeconds: number): void;
  /** The caller gets an error. */
  failed(error: unknown, subject?: CallSubject): void;
}

/** Is notified of every inference call, whatever its protocol: for metrics, the access log and traces. */
export interface CallObserver {
  arrived(call: ArrivingCall): OpenCall;
}
