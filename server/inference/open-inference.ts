// Open inference: the meaning of an inference request of the Open Inference Protocol v2, whichever way it came: one
// input becomes the images of a request to the engine, and the answer becomes the requested outputs.

import type { Tensor } from "../../proto/tensor-codec.js";
import { fitText, quote, VitrineError } from "../../runtime/errors.js";
import { softmax } from "../../runtime/inference/logits.js";
import type { RequestLife } from "../request-life.js";
import type { InferenceAnswer, ModelFacts, ModelRepository, RequestImages } from "./contract.js";
import { inputDescriptions, outputDescriptions } from "./model-description.js";

export type ParameterValue = boolean | number | bigint | string;
export type Parameters = ReadonlyMap<string, ParameterValue>;

export interface RequestedOutput {
  name: string;
  parameters: Parameters;
}

/** ModelInfer's request without its form on the wire. */
export interface InferCall {
  model: string;
  version: string;
  parameters: Parameters;
  inputs: readonly (Tensor & { parameters?: Parameters })[];
  /** Empty: every output. */
  outputs: readonly RequestedOutput[];
}

/** ModelInfer's answer without its form on the wire; the caller echoes the request's id. */
export interface InferResult {
  model: string;
  version: string;
  outputs: Tensor[];
}

/** Throws `protocol/…`, `jpeg/…`, `image/…`, `network/…`, `device/…`. */
export async function answerInfer(
  repository: ModelRepository,
  call: InferCall,
  life: RequestLife,
): Promise<InferResult> {
  const engine = repository.find(call.model, call.version);
  const { facts } = engine;
  const names = requestedOutputs(facts, call);
  const images = imagesOf(checkInput(facts, call.inputs));
  const answer = await engine.infer({ images, extra: {}, priority: 0, life });
  const shape = [answer.count, facts.config.classes];
  const outputs = names.map((name): Tensor => {
    return { name, datatype: "FP32", shape, data: outputData(name, answer, facts.config.classes) };
  });
  return { model: facts.name, version: facts.version, outputs };
}

/** The requested names, or all; checked before anything is computed. */
function requestedOutputs(facts: ModelFacts, call: InferCall): string[] {
  const known = outputDescriptions(facts).map(({ name }) => name);
  const requested = call.outputs.map(({ name }) => name);
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
function checkInput(facts: ModelFacts, tensors: readonly Tensor[]): Tensor {
  const allowed = inputDescriptions(facts).map(describe).join(" or ");
  const [input] = tensors;
  if (!input || tensors.length > 1) {
    const names = tensors.slice(0, 4).map(({ name }) => `"${quote(name)}"`);
    const got = `${names.join(", ") || "none"}${tensors.length > names.length ? ", …" : ""}`;
    throw new VitrineError(
      "protocol/tensor",
      `${tensors.length} inputs (${got}); allowed: one input, ${allowed}`,
    );
  }
  const expected = inputDescriptions(facts).find(({ name }) => name === input.name);
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

function imagesOf(input: Tensor): RequestImages {
  if (input.datatype === "BYTES") return { kind: "pictures", files: input.data };
  if (input.datatype === "UINT8") return { kind: "pixels", count: input.shape[0], data: input.data };
  throw new VitrineError("protocol/tensor", `input ${describe(input)}; allowed datatypes: BYTES, UINT8`);
}

function outputData(name: string, { logits }: InferenceAnswer, classes: number): Float32Array {
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
