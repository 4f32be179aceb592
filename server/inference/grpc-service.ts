// gRPC service: the calls of the Open Inference Protocol v2 as grpc-js takes them.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { decodeTensor, encodeTensors, type WireTensor } from "../../proto/tensor-codec.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { unaryCall } from "../unary-call.js";
import type { ModelRepository } from "./contract.js";
import { modelMetadata } from "./model-description.js";
import { parseViewName } from "./model-views.js";
import { answerInfer, findView, type InferCall, type InferInput, type Parameters } from "./open-inference.js";

export interface ServiceOptions {
  repository: ModelRepository;
  /** Version of Vitrine, for ServerMetadata. */
  version: string;
  /** False while loading or draining. */
  isReady(): boolean;
}

/** False for a model that the server does not have, as Triton answers: clients wait for a model by asking again. */
function isModelReady(
  { repository, isReady }: ServiceOptions,
  { name, version }: inference.ModelReadyRequest,
): boolean {
  try {
    return isReady() && repository.isReady(parseViewName(name).model, version);
  } catch {
    return false;
  }
}

type WireParameters = Record<string, inference.InferParameter.$Properties>;

function parametersOf(parameters: WireParameters | null | undefined): Parameters {
  return new Map(
    Object.entries(parameters ?? {}).map(([name, value]) => {
      const { boolParam, int64Param, stringParam, doubleParam, uint64Param } = value;
      const given = boolParam ?? int64Param ?? stringParam ?? doubleParam ?? uint64Param;
      if (given !== undefined && given !== null) return [name, given] as const;
      throw new VitrineError("protocol/parameter", `parameter "${quote(name)}" has no value`);
    }),
  );
}

/** KServe's Python client states the size of raw contents a second time. */
const RAW_SIZE = "binary_data_size";

function inputOf(tensor: WireTensor, raw: Uint8Array | undefined): InferInput {
  const { name = "", datatype = "", shape = [] } = tensor;
  const parameters = new Map(parametersOf(tensor.parameters as WireParameters));
  if (raw && parameters.get(RAW_SIZE) === raw.length) parameters.delete(RAW_SIZE);
  const header = { name: name ?? "", datatype: datatype ?? "", shape: shape ?? [] };
  return { ...header, parameters, read: () => decodeTensor(tensor, raw) };
}

function inferCall(request: inference.ModelInferRequest): InferCall {
  const { inputs, rawInputContents: raw } = request;
  if (raw.length > 0 && raw.length !== inputs.length) {
    const text = `${raw.length} raw contents for ${inputs.length} inputs; allowed: one each, in their order`;
    throw new VitrineError("protocol/tensor", text);
  }
  return {
    model: request.modelName,
    version: request.modelVersion,
    parameters: parametersOf(request.parameters),
    inputs: inputs.map((tensor, index) => inputOf(tensor, raw[index])),
    outputs: request.outputs.map(({ name, parameters }) => {
      return { name: name ?? "", parameters: parametersOf(parameters as WireParameters) };
    }),
  };
}

export function createInferenceHandlers(options: ServiceOptions): UntypedServiceImplementation {
  const { repository, version, isReady } = options;
  return {
    ServerLive: unaryCall(() => inference.ServerLiveResponse.create({ live: true })),
    ServerReady: unaryCall(() => inference.ServerReadyResponse.create({ ready: isReady() })),
    ModelReady: unaryCall((request: inference.ModelReadyRequest) => {
      return inference.ModelReadyResponse.create({ ready: isModelReady(options, request) });
    }),
    ServerMetadata: unaryCall(() =>
      inference.ServerMetadataResponse.create({ name: "vitrine", version, extensions: [] }),
    ),
    ModelMetadata: unaryCall((request: inference.ModelMetadataRequest) => {
      const { engine, view } = findView(repository, request.name, request.version);
      return inference.ModelMetadataResponse.create(modelMetadata(engine.facts, view, repository));
    }),
    ModelInfer: unaryCall(async (request: inference.ModelInferRequest, life) => {
      const isRaw = request.rawInputContents.length > 0;
      const { model, version, outputs } = await answerInfer(repository, inferCall(request), life);
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
