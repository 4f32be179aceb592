// Reporting service: the handlers of the inference service over a model of colors, with statistics and a repository that
// remembers what it was asked to do.

import { Server, ServerCredentials } from "@grpc/grpc-js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import {
  type CallObserver,
  type InferenceRequest,
  imageCount,
  type ModelEngine,
  type ModelRepository,
} from "../../server/inference/contract.js";
import { createEngine } from "../../server/inference/engine/engine.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import { createStatistics, type Statistics } from "../../server/inference/observation/statistics.js";
import { createInferenceHandlers } from "../../server/inference/protocol/grpc-service.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { typedRefusals } from "../../server/unary-call.js";
import { colorModel } from "./color-model.js";

const SECONDS = { queue: 0.001, decode: 0.002, compute: 0.003, total: 0.006 };

/** Reports what the engine answers, with the same seconds each time and in batches of at most two images. */
function reporting(engine: ModelEngine, statistics: Statistics): ModelEngine {
  const { requestEnded, batchEnded } = statistics.observer;
  const infer = async (request: InferenceRequest) => {
    const images = imageCount(request.images);
    const record = { model: "colors", version: "3", images, seconds: SECONDS };
    try {
      const answer = await engine.infer(request);
      for (let left = images; left > 0; left -= 2)
        batchEnded({ ...record, images: Math.min(2, left), seconds: 0.003 });
      requestEnded({ ...record, code: null });
      return answer;
    } catch (error) {
      requestEnded({ ...record, code: isVitrineError(error) ? error.code : "internal/unexpected" });
      throw error;
    }
  };
  return {
    facts: engine.facts,
    load: () => engine.load(),
    infer,
    drain: () => engine.drain(),
    close: () => engine.close(),
  };
}

/** `colors`, version 3, is ready; `next` is loading; `broken` cannot be loaded. */
function reportingRepository(statistics: Statistics, orders: string[]): ModelRepository {
  const limits = { ...DEFAULT_LIMITS, maxBatch: 2, maxImages: 16 };
  const engine = createEngine(colorModel(), { version: "3", limits });
  const fixed = fixedRepository([reporting(engine, statistics)]);
  return {
    ...fixed,
    index: () => [
      ...fixed.index(),
      { name: "next", version: "1", state: "loading", reason: "reading weights" },
    ],
    load: async (name) => {
      if (name === "broken") throw new VitrineError("protocol/model-control", "not on request");
      orders.push(`load ${name}`);
    },
    unload: async (name) => void orders.push(`unload ${name}`),
  };
}

export interface ReportingService {
  server: Server;
  repository: ModelRepository;
  /** What the repository was asked to do. */
  orders: string[];
  stopping: AbortController;
  /** Resolves to the address when the server listens. */
  listen(): Promise<string>;
}

/** `calls` observes the calls of ModelInfer. */
export function reportingService(calls: CallObserver): ReportingService {
  const statistics = createStatistics();
  const orders: string[] = [];
  const repository = reportingRepository(statistics, orders);
  const stopping = new AbortController();
  const server = new Server({
    interceptors: [typedRefusals],
    "grpc.max_receive_message_length": DEFAULT_LIMITS.maxMessageBytes,
  });
  const handlers = createInferenceHandlers({
    repository,
    version: "1",
    isReady: () => true,
    statistics,
    calls: statistics.countOutputs(calls),
    stopping: stopping.signal,
  });
  server.addService(INFERENCE_SERVICE, handlers);
  const listen = () =>
    new Promise<string>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(`127.0.0.1:${port}`),
      ),
    );
  return { server, repository, orders, stopping, listen };
}
