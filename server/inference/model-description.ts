// Model description: the tensors that a model takes and returns, and what else clients may want to know of it.

import { PROPERTY } from "../../proto/services.js";
import type { Datatype } from "../../proto/tensor-codec.js";
import type { ModelFacts, ModelRepository } from "./contract.js";
import { outputNames } from "./model-outputs.js";
import { inputsOf, type View, viewName } from "./model-views.js";

export interface TensorDescription {
  name: string;
  datatype: Datatype;
  /** −1: any number of images. */
  shape: number[];
}

/** The protocol's ModelMetadataResponse, in the field names that its JSON form has as well. */
export interface ModelMetadata {
  name: string;
  versions: string[];
  platform: string;
  inputs: TensorDescription[];
  outputs: TensorDescription[];
  properties: Record<string, string>;
}

/**
 * One input and one output, which is what clients that follow the metadata send and expect; the other outputs are named
 * in the properties.
 */
export function modelMetadata(facts: ModelFacts, view: View, repository: ModelRepository): ModelMetadata {
  const { layout: _, ...input } = inputsOf(facts)[view];
  return {
    name: viewName(facts.name, view),
    versions: [...repository.versions(facts.name)],
    platform: `vitrine_${facts.device}`,
    inputs: [input],
    outputs: [{ name: "logits", datatype: "FP32", shape: [-1, facts.config.classes] }],
    properties: modelProperties(facts),
  };
}

/** Everything a client needs to show results, as the strings that the protocol allows. */
function modelProperties(facts: ModelFacts): Record<string, string> {
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
    [PROPERTY.outputs]: JSON.stringify(outputNames(facts)),
  };
}
