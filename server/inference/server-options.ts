// Server options: what an inference server is started with, and the defaults.

import type { PageHandler } from "../page/page-handler.js";
import type { ServerSecurity } from "../security.js";
import type { CallObserver, ModelLimits } from "./contract.js";
import type { ServedModel } from "./engine/engine.js";
import type { Statistics } from "./observation/statistics.js";
import type { Overload } from "./protocol/overload-status.js";
import type { LiveRepository } from "./repository/live-repository.js";

export interface InferenceServerOptions {
  /** Models that stay, or a repository, which the server starts once it listens. */
  models: readonly ServedModel[] | LiveRepository;
  /** HOST:PORT (port 0 picks a free port), :PORT for all interfaces, or unix:PATH. */
  listen: string;
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** Limits that differ from the default. */
  limits?: Partial<ModelLimits>;
  /** TLS, tokens, and requests a second of a client. Default: none of them. */
  security?: ServerSecurity;
  /** Limits of connections that differ from the default. */
  connections?: Partial<ConnectionSettings>;
  /** Milliseconds in which a stopping server says so and serves as before. Default 0. */
  lameDuckMs?: number;
  /** Milliseconds that calls in progress get after that. Default 25,000. */
  graceMs?: number;
  /**
   * No port is bound before the models are loaded, for clients that balance without looking at health. Default false.
   */
  bindWhenLoaded?: boolean;
  /** REST, gRPC-Web and metrics. Default: none. */
  http?: { listen: string; corsOrigins?: readonly string[]; page?: PageHandler };
  /** gRPC status of a request for which the queue has no place. Default `resource-exhausted`. */
  overload?: Overload;
  /** What the engines report, for ModelStatistics. Default: not served. */
  statistics?: Statistics;
  /** Is notified of the calls of both protocols. */
  calls?: CallObserver;
  /** Answers GET /metrics. Default: not served. */
  metrics?: () => Promise<{ contentType: string; body: string }>;
  /** Is passed lines for the operator. Default: nobody. */
  say?: (text: string, level: "info" | "warn") => void;
}

export interface ConnectionSettings {
  /** Connections at a time. */
  maxConnections: number;
  /** Milliseconds after which a connection without calls is closed. */
  idleTimeoutMs: number;
  /** Calls in progress on one connection. */
  maxConcurrentStreams: number;
}

export const DEFAULT_LIMITS: Readonly<ModelLimits> = {
  /** On two cores such a batch takes less than a second. */
  maxBatch: 8,
  maxQueue: 256,
  maxImages: 256,
  queueDelayUs: 0,
  /** 445 images of 224 × 224 as pixels. */
  maxMessageBytes: 64 << 20,
  /** A PNG of so many takes 200 MB in its decode thread; a larger JPEG is decoded at a smaller scale. */
  maxPixels: 2 ** 26,
  decodeTimeoutMs: 10_000,
};

export const DEFAULT_CONNECTIONS: Readonly<ConnectionSettings> = {
  maxConnections: 1_000,
  idleTimeoutMs: 300_000,
  maxConcurrentStreams: 1_000,
};

export const DEFAULT_GRACE_MS = 25_000;
