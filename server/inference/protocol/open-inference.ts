// Open inference: the meaning of an inference request of the Open Inference Protocol v2, whichever way it came: one
// input becomes the images of a request to the engine, and the answer becomes the requested outputs.

import type { Tensor } from "../../../proto/tensor-codec.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { RequestLife } from "../../request-life.js";
import {
  type CallSubject,
  type ExtraResults,
  type InferenceAnswer,
  imageCount,
  type ModelRepository,
  type RequestSeconds,
} from "../contract.js";
import { planOutputs, type RequestedOutput } from "./model-outputs.js";
import { findView } from "./model-views.js";
import { type InferInput, readInput } from "./read-input.js";
import { type Parameters, readRequestParameters } from "./request-parameters.js";

export type { RequestedOutput } from "./model-outputs.js";
export type { InferInput } from "./read-input.js";
export type { Parameters, ParameterValue } from "./request-parameters.js";

/** ModelInfer's request without its form on the wire. */
export interface InferCall {
  /** A model's name, or that of one of its views: `NAME`, `NAME:pixels`, `NAME:values`. */
  model: string;
  version: string;
  parameters: Parameters;
  inputs: readonly InferInput[];
  /** Empty: `logits`, or the outputs that `top_k` is for. */
  outputs: readonly RequestedOutput[];
}

/** ModelInfer's answer without its form on the wire; the caller echoes the request's id. */
export interface InferResult {
  /** The name that was asked for, completed where it was empty. */
  model: string;
  version: string;
  images: number;
  seconds: RequestSeconds;
  outputs: Tensor[];
}

/**
 * `onFound` gets the model's own name and the number of images as soon as they are known, for observers of calls that
 * fail later. Throws `protocol/…`, `jpeg/…`, `image/…`, `network/…`, `device/…`.
 */
export async function answerInfer(
  repository: ModelRepository,
  call: InferCall,
  life: RequestLife,
  onFound: (subject: CallSubject) => void = () => {},
): Promise<InferResult> {
  const { engine, view, name } = findView(repository, call.model, call.version);
  const { facts } = engine;
  onFound({ model: facts.name, version: facts.version, images: 0 });
  const { topK, ...settings } = readRequestParameters(call.parameters, life);
  const plan = planOutputs(facts, call.outputs, topK);
  const images = await readInput(facts, view, call.inputs);
  onFound({ model: facts.name, version: facts.version, images: imageCount(images) });
  const answer = await engine.infer({ images, extra: plan.extra, ...settings });
  checkExtra(plan.extra, answer);
  const outputs = await plan.make(answer);
  return { model: name, version: facts.version, images: answer.count, seconds: answer.seconds, outputs };
}

/** A model's facts may promise more than its engine computes. */
function checkExtra(extra: ExtraResults, answer: InferenceAnswer): void {
  const missing = (extra.embeddings && !answer.embeddings) || (extra.attention && !answer.attention);
  if (missing)
    throw new VitrineError("internal/unexpected", "the model did not compute an output that it lists");
}

/** A tensor whose contents are unpacked already, as an input. */
export function unpackedInput(tensor: Tensor, parameters: Parameters = new Map()): InferInput {
  const { name, datatype, shape } = tensor;
  return { name, datatype, shape, parameters, read: () => tensor };
}
