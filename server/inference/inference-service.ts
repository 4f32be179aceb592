// Inference service: the six calls of the Open Inference Protocol over the models that are loaded.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { infer } from "./infer.js";
import type { Repository } from "./repository.js";
import { inputDescriptions, modelProperties, outputDescriptions, VERSIONS } from "./served-model.js";
import { unaryCall } from "./unary-call.js";

export interface ServiceOptions {
  repository: Repository;
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** False while loading or draining. */
  isReady(): boolean;
  /** Counts an inference as in flight; throws `network/draining` where no new one may start. */
  guard<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function createInferenceHandlers(options: ServiceOptions): UntypedServiceImplementation {
  const { repository, version, isReady, guard } = options;
  return {
    ServerLive: unaryCall(() => inference.ServerLiveResponse.create({ live: true })),
    ServerReady: unaryCall(() => inference.ServerReadyResponse.create({ ready: isReady() })),
    ModelReady: unaryCall((request: inference.ModelReadyRequest) => {
      repository.find(request.name, request.version);
      return inference.ModelReadyResponse.create({ ready: isReady() });
    }),
    ServerMetadata: unaryCall(() =>
      inference.ServerMetadataResponse.create({ name: "vitrine", version, extensions: [] }),
    ),
    ModelMetadata: unaryCall((request: inference.ModelMetadataRequest) => {
      const { model, maxBatch } = repository.find(request.name, request.version);
      return inference.ModelMetadataResponse.create({
        name: model.name,
        versions: [...VERSIONS],
        platform: `vitrine_${model.device}`,
        inputs: inputDescriptions(model),
        outputs: outputDescriptions(model),
        properties: modelProperties(model, maxBatch),
      });
    }),
    ModelInfer: unaryCall((request: inference.ModelInferRequest, life) => {
      const { model, batcher } = repository.find(request.modelName, request.modelVersion);
      return guard(() => infer(model, batcher, request, life));
    }),
  };
}
