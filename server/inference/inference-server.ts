// Inference server: service and health on one port, from listening to the last response.

import { setTimeout as delay } from "node:timers/promises";
import { Server } from "@grpc/grpc-js";
import { HEALTH_SERVICE, INFERENCE_SERVICE } from "../../proto/services.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import { drainGrpc } from "../drain.js";
import { createHealth } from "../health.js";
import { listen } from "../listen.js";
import { typedRefusals } from "../unary-call.js";
import type { ModelLimits, ModelRepository } from "./contract.js";
import { createEngine, type ServedModel } from "./engine.js";
import { createInferenceHandlers } from "./grpc-service.js";
import type { LiveRepository } from "./live-repository.js";
import { fixedRepository } from "./repository.js";

export interface InferenceServerOptions {
  /** Models that stay, or a repository, which the server starts once it listens. */
  models: readonly ServedModel[] | LiveRepository;
  /** HOST:PORT (port 0 picks a free port) or unix:PATH. */
  listen: string;
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** Limits that differ from the default. */
  limits?: Partial<ModelLimits>;
  /** Milliseconds that requests in progress get when the server drains. Default 30,000. */
  graceMs?: number;
}

export interface InferenceServer {
  /** The address that clients can use, with the real port. */
  readonly address: string;
  /** Resolves when the models are loaded, with the errors of those that could not be. As `LiveRepository.start`. */
  readonly loaded: Promise<ReadonlyMap<string, unknown>>;
  /** Health turns NOT_SERVING, new inferences are refused, those in progress end; then the port closes. */
  drain(): Promise<void>;
}

export const DEFAULT_LIMITS: Readonly<ModelLimits> = {
  /** On two cores such a batch takes less than a second. */
  maxBatch: 8,
  maxQueue: 256,
  maxImages: 256,
  queueDelayUs: 0,
  /** 445 images of 224 × 224 as pixels. */
  maxMessageBytes: 64 << 20,
  maxPixels: DEFAULT_PIXEL_LIMIT,
  decodeTimeoutMs: 10_000,
};

const DEFAULT_GRACE_MS = 30_000;

const isLive = (models: InferenceServerOptions["models"]): models is LiveRepository => "start" in models;

function modelsReady(repository: ModelRepository): Map<string, boolean> {
  return new Map(repository.index().map(({ name }) => [name, repository.isReady(name, "")]));
}

/** Resolves when the port is bound: until the models are loaded, health is NOT_SERVING and requests are refused. */
export async function startInferenceServer(options: InferenceServerOptions): Promise<InferenceServer> {
  const { models, graceMs = DEFAULT_GRACE_MS } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const live = isLive(models) ? models : null;
  const repository =
    live ??
    fixedRepository(
      (models as readonly ServedModel[]).map((model) => createEngine(model, { version: "1", limits })),
    );
  const health = createHealth(["inference.GRPCInferenceService"]);
  const showModels = () => health.setModels(modelsReady(repository));
  const stopShowing = repository.onChange(showModels);
  showModels();
  const server = new Server({
    interceptors: [typedRefusals],
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.max_send_message_length": -1,
  });
  const service = { repository, version: options.version, isReady: () => health.isServing() };
  server.addService(INFERENCE_SERVICE, createInferenceHandlers(service));
  server.addService(HEALTH_SERVICE, health.handlers);

  const address = await listen(server, options.listen);
  let stopping = false;
  const begin = <Failures>(failures: Failures): Failures => {
    health.setServing(!stopping);
    return failures;
  };
  const loaded = live ? live.start().then(begin) : Promise.resolve(begin(new Map<string, unknown>()));
  // The caller may wait for it later, or not at all.
  loaded.catch(() => {});
  const drainEngines = async (): Promise<void> => {
    if (live) return live.drain();
    await Promise.all(repository.index().map(({ name }) => repository.find(name, "").drain()));
  };
  return {
    address,
    loaded,
    drain: async () => {
      stopping = true;
      health.setServing(false);
      // The port stays open meanwhile, so that health checks get an answer instead of a closed connection.
      await Promise.race([drainEngines(), delay(graceMs, undefined, { ref: false })]);
      stopShowing();
      health.close();
      await drainGrpc(server);
      await live?.close();
    },
  };
}
