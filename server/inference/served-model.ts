// Served model: what the inference service knows of a model, and the tensors it takes and gives.

import { MODEL_VERSION, PROPERTY } from "../../proto/inference-service.js";
import type { Datatype } from "../../proto/tensor-codec.js";
import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { isDistilled, type ModelConfig } from "../../runtime/models/families.js";

/** Values and functions only: whoever loads the model decides how it runs. */
export interface ServedModel {
  name: string;
  config: ModelConfig;
  /** Class names in index order. */
  labels: readonly string[];
  /** Float32 numbers in the weights. */
  parameters: number;
  /** Device string, such as `wasm`. */
  device: string;
  /**
   * uint8 [count, size, size, 3] → logits [count, classes]. Resolves when the next call may come: on a GPU the logits are
   * on their way then. The pixels must stay as they are until the logits are there.
   */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  /** An encoded picture → the evaluation input, uint8 [size, size, 3]. */
  readPicture(encoded: Uint8Array): Uint8Array;
}

export interface TensorDescription {
  name: string;
  datatype: Datatype;
  /** −1: any number of images. */
  shape: number[];
}

export function inputDescriptions({ config }: ServedModel): TensorDescription[] {
  return [
    { name: "image", datatype: "BYTES", shape: [-1] },
    { name: "pixels", datatype: "UINT8", shape: [-1, config.imageSize, config.imageSize, 3] },
  ];
}

/** A plain model has no distillation head, and no such output. */
export function outputDescriptions({ config }: ServedModel): TensorDescription[] {
  const names = ["logits", "probabilities", "class_logits"];
  if (isDistilled(config)) names.push("distillation_logits");
  return names.map((name) => ({ name, datatype: "FP32", shape: [-1, config.classes] }));
}

/** Everything a client needs to show results, as the strings that the protocol allows. */
export function modelProperties(model: ServedModel, maxBatch: number): Record<string, string> {
  const { config, labels, parameters, device } = model;
  return {
    [PROPERTY.labels]: JSON.stringify(labels),
    [PROPERTY.imageSize]: String(config.imageSize),
    [PROPERTY.classes]: String(config.classes),
    [PROPERTY.parameters]: String(parameters),
    [PROPERTY.cropRatio]: String(config.cropRatio),
    [PROPERTY.maxBatch]: String(maxBatch),
    [PROPERTY.device]: device,
  };
}

export const VERSIONS: readonly string[] = [MODEL_VERSION];
