// Repository: the models of a server by name and version, the tensors each takes and returns, and the queue in front
// of it.

import { MODEL_VERSION, PROPERTY } from "../../proto/services.js";
import type { Datatype } from "../../proto/tensor-codec.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import type { Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { isDistilled, type ModelConfig } from "../../runtime/models/families.js";
import { Batcher } from "./batcher.js";

/** What the service knows of a model, as values and functions: the code that loads it decides how it runs. */
export interface ServedModel {
  name: string;
  config: ModelConfig;
  /** Class names in index order. */
  labels: readonly string[];
  /** Number of float32 weights. */
  parameters: number;
  /** SHA-256 of its weight files, hexadecimal, by which clients know it again. Default: not stated. */
  weightsDigest?: string;
  /** Device string, such as `wasm`. */
  device: string;
  /**
   * uint8 [count, size, size, 3] → logits [count, classes]. Resolves when the next call may come: on a GPU the logits
   * are still being computed then. The pixels must not change until the outcome has resolved.
   */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
  /** An encoded picture → the evaluation input, uint8 [size, size, 3]. */
  readPicture(encoded: Uint8Array): Uint8Array | Promise<Uint8Array>;
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

/** A model without a distillation head has no such output. */
export function outputDescriptions({ config }: ServedModel): TensorDescription[] {
  const names = ["logits", "probabilities", "class_logits"];
  if (isDistilled(config)) names.push("distillation_logits");
  return names.map((name) => ({ name, datatype: "FP32", shape: [-1, config.classes] }));
}

/** Everything a client needs to show results, as the strings that the protocol allows. */
export function modelProperties({
  model,
  maxBatch,
  maxMessageBytes,
}: RepositoryEntry): Record<string, string> {
  const { config, labels, parameters, device, weightsDigest } = model;
  return {
    [PROPERTY.labels]: JSON.stringify(labels),
    [PROPERTY.imageSize]: String(config.imageSize),
    [PROPERTY.classes]: String(config.classes),
    [PROPERTY.parameters]: String(parameters),
    [PROPERTY.cropRatio]: String(config.cropRatio),
    [PROPERTY.cropMode]: config.cropMode ?? "center",
    [PROPERTY.interpolation]: config.interpolation ?? "bicubic",
    [PROPERTY.maxBatch]: String(maxBatch),
    [PROPERTY.maxMessageBytes]: String(maxMessageBytes),
    ...(weightsDigest !== undefined && { [PROPERTY.weightsDigest]: weightsDigest }),
    [PROPERTY.device]: device,
  };
}

export interface ServingLimits {
  /** Images that run at once. */
  maxBatch: number;
  /** Images that may wait. */
  maxQueue: number;
  /** Largest request in bytes. */
  maxMessageBytes: number;
}

export interface RepositoryEntry {
  model: ServedModel;
  batcher: Batcher;
  maxBatch: number;
  maxMessageBytes: number;
}

export interface Repository {
  readonly names: readonly string[];
  /** Name "" is the only model of a server that has one, version "" any. Throws `protocol/unknown-model`. */
  find(name: string, version: string): RepositoryEntry;
}

export function createRepository(
  models: readonly ServedModel[],
  { maxBatch, maxQueue, maxMessageBytes }: ServingLimits,
): Repository {
  const entries = new Map<string, RepositoryEntry>();
  for (const model of models) {
    const { imageSize, classes } = model.config;
    const batcher = new Batcher({
      maxBatch,
      maxQueue,
      run: (pixels, count) => model.submit(pixels, count),
      imageBytes: imageSize * imageSize * 3,
      classes,
      distilled: isDistilled(model.config),
    });
    entries.set(model.name, { model, batcher, maxBatch, maxMessageBytes });
  }
  const names = [...entries.keys()];
  return {
    names,
    find: (name, version) => {
      const only = names.length === 1 ? names[0] : undefined;
      const entry = entries.get(name === "" && only !== undefined ? only : name);
      if (!entry) {
        const known = names.map((known) => `"${known}"`).join(", ");
        throw new VitrineError(
          "protocol/unknown-model",
          `no model "${quote(name)}"; models of this server: ${known}`,
        );
      }
      if (version !== "" && version !== MODEL_VERSION) {
        const known = `allowed: ${MODEL_VERSION}, or an empty version`;
        const text = `model "${entry.model.name}" has no version "${quote(version)}"; ${known}`;
        throw new VitrineError("protocol/unknown-model", text);
      }
      return entry;
    },
  };
}
