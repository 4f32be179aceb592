// Inference server: service and health on one port, from listening to the last response.

import { setTimeout as delay } from "node:timers/promises";
import { Server } from "@grpc/grpc-js";
import { HEALTH_SERVICE, INFERENCE_SERVICE } from "../../proto/services.js";
import { DEFAULT_PIXEL_LIMIT } from "../../runtime/image/decode.js";
import { drainGrpc } from "../drain.js";
import { createHealth } from "../health.js";
import { listen } from "../listen.js";
import { typedRefusals } from "../unary-call.js";
import type { ModelLimits } from "./contract.js";
import { createEngine, type ServedModel } from "./engine.js";
import { createInferenceHandlers } from "./grpc-service.js";
import { fixedRepository } from "./repository.js";

export interface InferenceServerOptions {
  models: readonly ServedModel[];
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

export async function startInferenceServer(options: InferenceServerOptions): Promise<InferenceServer> {
  const { models, graceMs = DEFAULT_GRACE_MS } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const engines = models.map((model) => createEngine(model, { version: "1", limits }));
  const health = createHealth(["inference.GRPCInferenceService", ...engines.map(({ facts }) => facts.name)]);
  let ready = false;
  const server = new Server({
    interceptors: [typedRefusals],
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.max_send_message_length": -1,
  });
  const service = { repository: fixedRepository(engines), version: options.version, isReady: () => ready };
  server.addService(INFERENCE_SERVICE, createInferenceHandlers(service));
  server.addService(HEALTH_SERVICE, health.handlers);

  const address = await listen(server, options.listen);
  ready = true;
  health.setServing(true);
  return {
    address,
    drain: async () => {
      ready = false;
      health.setServing(false);
      // The port stays open meanwhile, so that health checks get an answer instead of a closed connection.
      const drained = Promise.all(engines.map((engine) => engine.drain()));
      await Promise.race([drained, delay(graceMs, undefined, { ref: false })]);
      health.close();
      await drainGrpc(server);
    },
  };
}
