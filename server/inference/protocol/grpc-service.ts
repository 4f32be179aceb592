// gRPC service: the calls of the Open Inference Protocol v2 and those that Triton adds, as grpc-js takes them.

import { Metadata, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { inference } from "../../../proto/generated/inference.js";
import { VitrineError } from "../../../runtime/errors.js";
import { unaryCall } from "../../unary-call.js";
import type { Statistics } from "../observation/statistics.js";
import { type InferCallOptions, type InferResponse, inferOverGrpc } from "./infer-call.js";
import { type InferOne, type InferStream, serveInferStream } from "./infer-stream.js";
import { modelConfig, modelMetadata } from "./model-description.js";
import { findView } from "./model-views.js";
import { EXTENSIONS, isModelReady } from "./protocol-facts.js";
import { loadModel, repositoryIndex, unloadModel } from "./repository-calls.js";

export interface ServiceOptions extends InferCallOptions {
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** False while loading or draining. */
  isReady(): boolean;
  /** What the engines report. Default: ModelStatistics are not served. */
  statistics?: Statistics | undefined;
  /** Aborts when the server stops: streams end after the requests that they have in progress. */
  stopping?: AbortSignal | undefined;
}

function notServed(what: string, instead: string): never {
  throw new VitrineError("protocol/unimplemented", `${what}; ${instead}`);
}

const noSharedMemory = unaryCall(() =>
  notServed("tensors in shared memory are not supported", "send their contents in the message"),
);
const noRegions = unaryCall(() => inference.SharedMemoryStatusResponse.create());
const nothingRegistered = unaryCall(() => inference.SharedMemoryResponse.create());

export function createInferenceHandlers(options: ServiceOptions): UntypedServiceImplementation {
  const { repository, version, isReady, statistics } = options;
  return {
    ServerLive: unaryCall(() => inference.ServerLiveResponse.create({ live: true })),
    ServerReady: unaryCall(() => inference.ServerReadyResponse.create({ ready: isReady() })),
    ModelReady: unaryCall((request: inference.ModelReadyRequest) =>
      inference.ModelReadyResponse.create({ ready: isModelReady(options, request.name, request.version) }),
    ),
    ServerMetadata: unaryCall(() =>
      inference.ServerMetadataResponse.create({ name: "vitrine", version, extensions: [...EXTENSIONS] }),
    ),
    ModelMetadata: unaryCall((request: inference.ModelMetadataRequest) => {
      const { engine, view } = findView(repository, request.name, request.version);
      return inference.ModelMetadataResponse.create(modelMetadata(engine.facts, view, repository));
    }),
    ModelInfer: unaryCall<Uint8Array, InferResponse>((bytes, life, call) => {
      const onRequestId = (requestId: string) => {
        const metadata = new Metadata();
        metadata.set("x-request-id", requestId);
        call.sendMetadata(metadata);
      };
      return inferOverGrpc(options, { bytes, metadata: call.metadata, life, onRequestId });
    }),
    ModelStreamInfer: (stream: InferStream) => {
      const { metadata } = stream;
      const infer: InferOne = (bytes, life, onRequest) =>
        inferOverGrpc(options, { bytes, metadata, life, onRequest });
      serveInferStream(stream, infer, options.stopping);
    },
    ModelConfig: unaryCall((request: inference.ModelConfigRequest) => {
      const { engine, view } = findView(repository, request.name, request.version);
      return inference.ModelConfigResponse.fromObject({ config: modelConfig(engine.facts, view) });
    }),
    ModelStatistics: unaryCall((request: inference.ModelStatisticsRequest) => {
      if (!statistics) return notServed("statistics are not served", "ask for metrics instead");
      const modelStats = statistics.read(repository, request.name, request.version);
      return inference.ModelStatisticsResponse.create({ modelStats });
    }),
    RepositoryIndex: unaryCall((request: inference.RepositoryIndexRequest) =>
      inference.RepositoryIndexResponse.create({ models: repositoryIndex(repository, request) }),
    ),
    RepositoryModelLoad: unaryCall(async (request: inference.RepositoryModelLoadRequest, life) => {
      const modelName = await loadModel(repository, request, life);
      return inference.RepositoryModelLoadResponse.create({ modelName, isLoaded: true });
    }),
    RepositoryModelUnload: unaryCall(async (request: inference.RepositoryModelUnloadRequest, life) => {
      const modelName = await unloadModel(repository, request, life);
      return inference.RepositoryModelUnloadResponse.create({ modelName, isUnloaded: true });
    }),
    SystemSharedMemoryStatus: noRegions,
    SystemSharedMemoryRegister: noSharedMemory,
    SystemSharedMemoryUnregister: nothingRegistered,
    CudaSharedMemoryStatus: noRegions,
    CudaSharedMemoryRegister: noSharedMemory,
    CudaSharedMemoryUnregister: nothingRegistered,
    TraceSetting: unaryCall(() =>
      notServed("trace settings are not changed by calls", "set them where the server is started"),
    ),
    LogSettings: unaryCall(() =>
      notServed("log settings are not changed by calls", "set them where the server is started"),
    ),
  };
}
