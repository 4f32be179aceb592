// Model description: the tensors that a model takes and returns, and what else clients may want to know of it.

import { PROPERTY } from "../../proto/services.js";
import type { Datatype } from "../../proto/tensor-codec.js";
import { isDistilled } from "../../runtime/models/families.js";
import type { ModelFacts } from "./contract.js";

export interface TensorDescription {
  name: string;
  datatype: Datatype;
  /** −1: any number of images. */
  shape: number[];
}

export function inputDescriptions({ config }: ModelFacts): TensorDescription[] {
  return [
    { name: "image", datatype: "BYTES", shape: [-1] },
    { name: "pixels", datatype: "UINT8", shape: [-1, config.imageSize, config.imageSize, 3] },
  ];
}

/** A model without a distillation head has no such output. */
export function outputDescriptions({ config }: ModelFacts): TensorDescription[] {
  const names = ["logits", "probabilities", "class_logits"];
  if (isDistilled(config)) names.push("distillation_logits");
  return names.map((name) => ({ name, datatype: "FP32", shape: [-1, config.classes] }));
}

/** Everything a client needs to show results, as the strings that the protocol allows. */
export function modelProperties(facts: ModelFacts): Record<string, string> {
  const { config, labels, parameters, device, weightsDigest, limits } = facts;
  return {
    [PROPERTY.labels]: JSON.stringify(labels),
    [PROPERTY.imageSize]: String(config.imageSize),
    [PROPERTY.classes]: String(config.classes),
    [PROPERTY.parameters]: String(parameters),
    [PROPERTY.cropRatio]: String(config.cropRatio),
    [PROPERTY.cropMode]: config.cropMode ?? "center",
    [PROPERTY.interpolation]: config.interpolation ?? "bicubic",
    [PROPERTY.maxBatch]: String(limits.maxBatch),
    [PROPERTY.maxMessageBytes]: String(limits.maxMessageBytes),
    ...(weightsDigest !== undefined && { [PROPERTY.weightsDigest]: weightsDigest }),
    [PROPERTY.device]: device,
  };
}
