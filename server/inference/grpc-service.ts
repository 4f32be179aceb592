// gRPC service: the calls of the Open Inference Protocol v2 as grpc-js takes them.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { decodeTensors, encodeTensors } from "../../proto/tensor-codec.js";
import { unaryCall } from "../unary-call.js";
import type { ModelRepository } from "./contract.js";
import { inputDescriptions, modelProperties, outputDescriptions } from "./model-description.js";
import { answerInfer } from "./open-inference.js";

export interface ServiceOptions {
  repository: ModelRepository;
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** False while loading or draining. */
  isReady(): boolean;
}

export function createInferenceHandlers(options: ServiceOptions): UntypedServiceImplementation {
  const { repository, version, isReady } = options;
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
      const { facts } = repository.find(request.name, request.version);
      return inference.ModelMetadataResponse.create({
        name: facts.name,
        versions: [...repository.versions(facts.name)],
        platform: `vitrine_${facts.device}`,
        inputs: inputDescriptions(facts),
        outputs: outputDescriptions(facts),
        properties: modelProperties(facts),
      });
    }),
    ModelInfer: unaryCall(async (request: inference.ModelInferRequest, life) => {
      const { tensors, isRaw } = decodeTensors(request.inputs, request.rawInputContents);
      const call = {
        model: request.modelName,
        version: request.modelVersion,
        parameters: new Map(),
        inputs: tensors,
        outputs: request.outputs.map(({ name }) => ({ name: name ?? "", parameters: new Map() })),
      };
      const { model, version, outputs } = await answerInfer(repository, call, life);
      const encoded = encodeTensors(outputs, isRaw);
      return inference.ModelInferResponse.create({
        modelName: model,
        modelVersion: version,
        id: request.id,
        outputs: encoded.tensors,
        rawOutputContents: encoded.raw,
      });
    }),
  };
}
