// Inference service: the six calls of the Open Inference Protocol over the loaded models.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { MODEL_VERSION } from "../../proto/services.js";
import { decodeTensors, encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { fitText, isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { type Logits, softmax } from "../../runtime/inference/logits.js";
import { type RequestLife, unaryCall } from "../unary-call.js";
import type { Batcher } from "./batcher.js";
import {
  inputDescriptions,
  modelProperties,
  outputDescriptions,
  type Repository,
  type ServedModel,
} from "./repository.js";

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
      const entry = repository.find(request.name, request.version);
      const { model } = entry;
      return inference.ModelMetadataResponse.create({
        name: model.name,
        versions: [MODEL_VERSION],
        platform: `vitrine_${model.device}`,
        inputs: inputDescriptions(model),
        outputs: outputDescriptions(model),
        properties: modelProperties(entry),
      });
    }),
    ModelInfer: unaryCall((request: inference.ModelInferRequest, life) => {
      const { model, batcher } = repository.find(request.modelName, request.modelVersion);
      return guard(() => infer(model, batcher, request, life));
    }),
  };
}

/** One request → pixels → logits → the requested outputs: raw contents for a raw request, typed for a typed one. */
async function infer(
  model: ServedModel,
  batcher: Batcher,
  request: inference.ModelInferRequest,
  life: RequestLife,
): Promise<inference.ModelInferResponse> {
  const names = requestedOutputs(model, request);
  const { tensors, isRaw } = decodeTensors(request.inputs, request.rawInputContents);
  const { pixels, count } = await readImages(model, checkInput(model, tensors));
  const logits = await batcher.submit(pixels, count, life);
  const { classes } = model.config;
  const outputs = names.map((name): Tensor => {
    const data = outputData(name, logits, classes);
    return { name, datatype: "FP32", shape: [count, classes], data };
  });
  const encoded = encodeTensors(outputs, isRaw);
  return inference.ModelInferResponse.create({
    modelName: model.name,
    modelVersion: MODEL_VERSION,
    id: request.id,
    outputs: encoded.tensors,
    rawOutputContents: encoded.raw,
  });
}

/** The requested names, or all; checked before anything is computed. */
function requestedOutputs(model: ServedModel, request: inference.ModelInferRequest): string[] {
  const known = outputDescriptions(model).map(({ name }) => name);
  const requested = request.outputs.map(({ name }) => name ?? "");
  for (const name of requested) {
    if (!known.includes(name)) {
      const text = `no output "${quote(name)}"; allowed: ${known.join(", ")}`;
      throw new VitrineError("protocol/tensor", text);
    }
  }
  return requested.length > 0 ? requested : known;
}

interface TensorHeader {
  name: string;
  datatype: string;
  shape: readonly number[];
}

function describe({ name, datatype, shape }: TensorHeader): string {
  return `"${quote(name)}" ${datatype} [${fitText(shape.join(", "), 200)}]`;
}

/** The request's only input, which has the name, datatype and shape of one of the model's. */
function checkInput(model: ServedModel, tensors: readonly Tensor[]): Tensor {
  const allowed = inputDescriptions(model).map(describe).join(" or ");
  const [input] = tensors;
  if (!input || tensors.length > 1) {
    const names = tensors.slice(0, 4).map(({ name }) => `"${quote(name)}"`);
    const got = `${names.join(", ") || "none"}${tensors.length > names.length ? ", …" : ""}`;
    throw new VitrineError(
      "protocol/tensor",
      `${tensors.length} inputs (${got}); allowed: one input, ${allowed}`,
    );
  }
  const expected = inputDescriptions(model).find(({ name }) => name === input.name);
  const fits =
    expected?.datatype === input.datatype &&
    expected.shape.length === input.shape.length &&
    expected.shape.every((axis, place) => axis === -1 || axis === input.shape[place]);
  if (!fits) throw new VitrineError("protocol/tensor", `input ${describe(input)}; allowed: ${allowed}`);
  if (input.shape[0] === 0) {
    throw new VitrineError("protocol/tensor", `input ${describe(input)} has no image; allowed: 1 or more`);
  }
  return input;
}

interface Images {
  /** uint8 [count, size, size, 3]. */
  pixels: Uint8Array;
  count: number;
}

async function readImages(model: ServedModel, input: Tensor): Promise<Images> {
  if (input.datatype === "BYTES") return readPictures(model, input.data);
  if (input.datatype === "UINT8") return { pixels: input.data, count: input.shape[0] };
  throw new VitrineError("protocol/tensor", `input ${describe(input)}; allowed datatypes: BYTES, UINT8`);
}

async function readPictures(model: ServedModel, encoded: readonly Uint8Array[]): Promise<Images> {
  const imageBytes = model.config.imageSize ** 2 * 3;
  const pixels = new Uint8Array(encoded.length * imageBytes);
  for (const [element, file] of encoded.entries()) {
    try {
      pixels.set(await model.readPicture(file), element * imageBytes);
    } catch (error) {
      if (!isVitrineError(error)) throw error;
      throw new VitrineError(error.code, `input "image", element ${element}: ${error.message}`, {
        details: { ...error.details, element },
        cause: error,
      });
    }
  }
  return { pixels, count: encoded.length };
}

function outputData(name: string, logits: Logits, classes: number): Float32Array {
  if (name === "probabilities") return softmaxRows(logits.logits, classes);
  if (name === "class_logits") return logits.classLogits;
  return (name === "distillation_logits" && logits.distillationLogits) || logits.logits;
}

/** Softmax of each row, [count, classes]. */
function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const probabilities = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    probabilities.set(softmax(logits.subarray(start, start + classes)), start);
  }
  return probabilities;
}
