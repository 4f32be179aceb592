// Model description: the tensors that a model takes and returns, and what else clients may want to know of it.

import { PROPERTY } from "../../../proto/services.js";
import type { Datatype } from "../../../proto/tensor-codec.js";
import { DEFAULT_PRIORITY, LOWEST_PRIORITY, type ModelFacts, type ModelRepository } from "../contract.js";
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

const platformOf = ({ device }: ModelFacts): string => `vitrine_${device}`;

/**
 * One input and one output, which is what clients that follow the metadata send and expect; the other outputs are named
 * in the properties.
 */
export function modelMetadata(facts: ModelFacts, view: View, repository: ModelRepository): ModelMetadata {
  const { layout: _, ...input } = inputsOf(facts)[view];
  return {
    name: viewName(facts.name, view),
    versions: [...repository.versions(facts.name)],
    platform: platformOf(facts),
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
    [PROPERTY.cropRounding]: config.cropRounding ?? "even",
    [PROPERTY.interpolation]: config.interpolation ?? "bicubic",
    [PROPERTY.mean]: JSON.stringify(config.mean),
    [PROPERTY.maxBatch]: String(limits.maxBatch),
    [PROPERTY.maxMessageBytes]: String(limits.maxMessageBytes),
    ...(weightsDigest !== undefined && { [PROPERTY.weightsDigest]: weightsDigest }),
    [PROPERTY.device]: device,
    [PROPERTY.outputs]: JSON.stringify(outputNames(facts)),
  };
}

const DATA_TYPES: Readonly<Record<Datatype, string>> = {
  BYTES: "TYPE_STRING",
  UINT8: "TYPE_UINT8",
  INT32: "TYPE_INT32",
  FP16: "TYPE_FP16",
  FP32: "TYPE_FP32",
};

/**
 * Triton's ModelConfig, in the field names of its messages as JavaScript has them, enums by name: what its Python client,
 * image_client and perf_analyzer read.
 */
export function modelConfig(facts: ModelFacts, view: View) {
  const { limits, device } = facts;
  const { name, datatype, shape, layout } = inputsOf(facts)[view];
  const format = layout === "none" ? "FORMAT_NONE" : `FORMAT_${layout}`;
  const input = { name, dataType: DATA_TYPES[datatype], format, dims: shape.slice(1) };
  const onGpu = device.startsWith("webgpu");
  return {
    name: viewName(facts.name, view),
    platform: platformOf(facts),
    backend: "vitrine",
    maxBatchSize: limits.maxImages,
    input: [input],
    output: [{ name: "logits", dataType: "TYPE_FP32", dims: [facts.config.classes] }],
    instanceGroup: [{ name: facts.name, count: 1, kind: onGpu ? "KIND_GPU" : "KIND_CPU" }],
    dynamicBatching: {
      preferredBatchSize: [limits.maxBatch],
      maxQueueDelayMicroseconds: limits.queueDelayUs,
      priorityLevels: LOWEST_PRIORITY,
      defaultPriorityLevel: DEFAULT_PRIORITY,
      defaultQueuePolicy: {
        timeoutAction: "REJECT",
        allowTimeoutOverride: true,
        maxQueueSize: limits.maxQueue,
      },
    },
    modelTransactionPolicy: { decoupled: false },
    parameters: Object.fromEntries(
      Object.entries(modelProperties(facts)).map(([key, stringValue]) => [key, { stringValue }]),
    ),
  };
}

/** An object with the names of protobuf's JSON form → with those of Triton's REST, `max_batch_size`; `maps` keep theirs. */
export function snakeCase(value: unknown, maps: readonly string[] = ["parameters"]): unknown {
  if (Array.isArray(value)) return value.map((entry) => snakeCase(entry, maps));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => {
      const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (!maps.includes(name) || typeof entry !== "object") return [key, snakeCase(entry, maps)];
      const kept = Object.entries(entry as object).map(([own, inner]) => [own, snakeCase(inner, maps)]);
      return [key, Object.fromEntries(kept)];
    }),
  );
}
