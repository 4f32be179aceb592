// Infer call: one ModelInferRequest of gRPC from its bytes to the response's message, seen by the observer of calls.

import type { Metadata } from "@grpc/grpc-js";
import type { inference } from "../../../proto/generated/inference.js";
import { type InferRequest, type PackedInput, readInferRequest } from "../../../proto/infer-request.js";
import { freeMessage } from "../../../proto/message-memory.js";
import { decodeTensor, encodeTensors } from "../../../proto/tensor-codec.js";
import { readTypedInput } from "../../../proto/typed-contents.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { RequestLife } from "../../request-life.js";
import type { CallObserver, CallProtocol, CallSubject, ModelRepository, OpenCall } from "../contract.js";
import { answerInfer, type InferCall, type InferInput } from "./open-inference.js";

export type InferResponse = inference.ModelInferResponse.$Properties;

/** KServe's Python client states the size of raw contents a second time. */
const RAW_SIZE = "binary_data_size";

function inputOf(input: PackedInput, place: number, request: InferRequest): InferInput {
  const { name, datatype, shape } = input;
  const { inputs, rawInputContents: raws } = request;
  const raw = raws[place];
  const parameters = new Map(input.parameters);
  if (raw && parameters.get(RAW_SIZE) === raw.length) parameters.delete(RAW_SIZE);
  const read = () => {
    if (raws.length === 0) return readTypedInput(input);
    if (raw && raws.length === inputs.length && !input.contents)
      return decodeTensor({ name, datatype, shape }, raw);
    const text = input.contents
      ? "raw and typed contents in one request; allowed: one kind"
      : `${raws.length} raw contents for ${inputs.length} inputs; allowed: one each, in their order`;
    throw new VitrineError("protocol/tensor", text);
  };
  return { name, datatype, shape, parameters, read };
}

/** The request without its form on the wire. */
function inferCallOf(request: InferRequest): InferCall {
  return {
    model: request.modelName,
    version: request.modelVersion,
    parameters: request.parameters,
    inputs: request.inputs.map((input, place) => inputOf(input, place, request)),
    outputs: request.outputs,
  };
}

/** Raw contents are answered with raw contents, typed contents with typed contents. Throws what `answerInfer` throws. */
async function answer(
  repository: ModelRepository,
  request: InferRequest,
  life: RequestLife,
  observed: Observed,
): Promise<InferResponse> {
  const isTyped = request.rawInputContents.length === 0;
  const result = await answerInfer(repository, inferCallOf(request), life, (subject) => {
    observed.subject = subject;
  });
  const start = performance.now();
  const encoded = encodeTensors(result.outputs, !isTyped);
  const { seconds, images, model, version } = result;
  const subject = { model: observed.subject?.model ?? model, version, images, seconds };
  observed.call?.answered(subject, (performance.now() - start) / 1000);
  return {
    modelName: model,
    modelVersion: version,
    id: request.id,
    outputs: encoded.tensors,
    rawOutputContents: encoded.raw,
  };
}

interface Observed {
  call: OpenCall | undefined;
  subject: CallSubject | undefined;
}

export interface InferCallOptions {
  repository: ModelRepository;
  /** Default: calls are not observed. */
  calls?: CallObserver | undefined;
  /** Default: grpc. */
  protocol?: CallProtocol;
}

/** The value of a header, if it is text. */
function header(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === "string" ? value : undefined;
}

/** A request as it was received, and what its answer is for. */
export interface ReceivedInfer {
  bytes: Uint8Array;
  /** Headers of the call. */
  metadata: Metadata;
  life: RequestLife;
  /** Called before the answer, with the name under which the call is logged. */
  onRequestId?(requestId: string): void;
  /** Called as soon as the request is read. */
  onRequest?(request: InferRequest): void;
}

/** Throws what `readInferRequest` and `answerInfer` throw. */
export async function inferOverGrpc(
  { repository, calls, protocol = "grpc" }: InferCallOptions,
  { bytes, metadata, life, onRequestId, onRequest }: ReceivedInfer,
): Promise<InferResponse> {
  let request: InferRequest | undefined;
  let malformed: unknown;
  try {
    request = readInferRequest(bytes);
    onRequest?.(request);
  } catch (error) {
    malformed = error;
  }
  const call = calls?.arrived({
    protocol,
    asked: request?.modelName,
    requestId: header(metadata, "x-request-id") ?? request?.id,
    traceparent: header(metadata, "traceparent"),
    tracestate: header(metadata, "tracestate"),
  });
  if (call) onRequestId?.(call.requestId);
  const observed: Observed = { call, subject: undefined };
  try {
    if (!request) throw malformed;
    const response = await answer(repository, request, life, observed);
    // Pixels have been copied into batches and pictures decoded; after a failure a thread may still read them.
    freeMessage(bytes);
    return response;
  } catch (error) {
    call?.failed(error, observed.subject);
    throw error;
  }
}
