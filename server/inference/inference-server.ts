// Inference server: service and health on one port, from listening to the last response.

import { Server } from "@grpc/grpc-js";
import { HEALTH_SERVICE, INFERENCE_SERVICE } from "../../proto/services.js";
import { VitrineError } from "../../runtime/errors.js";
import { drainGrpc } from "../drain.js";
import { createHealth } from "../health.js";
import { listen } from "../listen.js";
import { typedRefusals } from "../unary-call.js";
import { createInferenceHandlers } from "./inference-service.js";
import { createRepository, type ServedModel } from "./repository.js";

export interface InferenceServerOptions {
  models: readonly ServedModel[];
  /** HOST:PORT (port 0 picks a free port) or unix:PATH. */
  listen: string;
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** Images that run at once. Default 8: on two cores a batch then takes less than a second. */
  maxBatch?: number;
  /** Images that may wait. Default 256. */
  maxQueue?: number;
  /** Largest request in bytes. Default 64 MiB: 445 images of 224 × 224 as pixels. */
  maxMessageBytes?: number;
  /** Milliseconds that requests in progress get when the server drains. Default 30,000. */
  graceMs?: number;
}

export interface InferenceServer {
  /** The address that clients can use, with the real port. */
  readonly address: string;
  /** Health turns NOT_SERVING, new inferences are refused, those in progress end; then the port closes. */
  drain(): Promise<void>;
}

export const DEFAULT_MAX_BATCH = 8;
export const DEFAULT_MAX_QUEUE = 256;
export const DEFAULT_MAX_MESSAGE_BYTES = 64 << 20;
const DEFAULT_GRACE_MS = 30_000;

/** Counts work in progress, and reports when there is none. */
class InFlight {
  #count = 0;
  readonly #waiting: (() => void)[] = [];

  async track<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#count++;
    try {
      return await work();
    } finally {
      this.#count--;
      if (this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** Resolves when nothing is in progress, or after `limitMs`. */
  async none(limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

export async function startInferenceServer(options: InferenceServerOptions): Promise<InferenceServer> {
  const { maxBatch = DEFAULT_MAX_BATCH, maxQueue = DEFAULT_MAX_QUEUE, graceMs = DEFAULT_GRACE_MS } = options;
  const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
  const repository = createRepository(options.models, { maxBatch, maxQueue, maxMessageBytes });
  const health = createHealth(["inference.GRPCInferenceService", ...repository.names]);
  const inFlight = new InFlight();
  let ready = false;
  let draining = false;

  const server = new Server({
    interceptors: [typedRefusals],
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": -1,
  });
  const guard = <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (!draining) return inFlight.track(work);
    throw new VitrineError("network/draining", "the server is stopping: use another one, or try again later");
  };
  const version = options.version;
  const isReady = () => ready && !draining;
  server.addService(INFERENCE_SERVICE, createInferenceHandlers({ repository, version, isReady, guard }));
  server.addService(HEALTH_SERVICE, health.handlers);

  const address = await listen(server, options.listen);
  ready = true;
  health.setServing(true);
  return {
    address,
    drain: async () => {
      draining = true;
      health.setServing(false);
      // The port stays open meanwhile, so that health checks get an answer instead of a closed connection.
      await inFlight.none(graceMs);
      health.close();
      await drainGrpc(server);
    },
  };
}
