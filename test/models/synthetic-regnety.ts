// Synthetic RegNetY: a small convnet with random weights, as files in memory or in a folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelSource } from "../../runtime/host/host.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { REGNETY_DEFAULTS, type RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { regnetyParameters } from "../../runtime/models/regnety/parameters.js";
import { type StoredTensor, storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { Random } from "../nn/random.js";

export const LABELS = ["ant", "bee", "cat", "dog"];

export const SYNTHETIC_REGNETY: RegnetyConfig = structuredClone({
  ...REGNETY_DEFAULTS,
  imageSize: 32,
  classes: 4,
  stemWidth: 8,
  groupWidth: 4,
  stages: [
    { width: 8, depth: 1 },
    { width: 16, depth: 2 },
  ],
});

/** Weights scaled by fan-in, positive variances: activations keep their magnitude through the network. */
export function syntheticRegnety(config: RegnetyConfig, seed = 1): TensorMap {
  const random = new Random(seed);
  return new Map(
    Array.from(regnetyParameters(config), ([name, shape]) => {
      const count = shape.reduce((a, b) => a * b);
      const isScale = /bn\.(weight|running_var)$/.test(name);
      const fanIn = shape.length > 1 ? shape.slice(1).reduce((a, b) => a * b) : 25;
      const data = isScale
        ? Float32Array.from({ length: count }, () => 0.5 + random.uniform())
        : random.normals(count, 1 / Math.sqrt(fanIn));
      return [name, { shape: [...shape], data }];
    }),
  );
}

/** The file as timm's state_dict has it: with a count of batches, an int64 without axes, in each batch norm. */
function regnetyFile(weights: TensorMap): Uint8Array<ArrayBuffer> {
  const tensors: Map<string, StoredTensor> = storedFloats(weights);
  for (const name of weights.keys())
    if (name.endsWith(".running_var")) {
      const count = name.replace(/running_var$/, "num_batches_tracked");
      tensors.set(count, { dtype: "I64", shape: [], data: BigInt64Array.of(7n) });
    }
  return writeSafetensors(tensors);
}

/** A model whose files are in memory. */
export function regnetySource(name: string, weights: TensorMap, config?: string): ModelSource {
  const model = regnetyFile(weights);
  const read = async (file: string) => {
    if (file === "model.safetensors") return model;
    return file !== "config.json" || config === undefined ? null : new TextEncoder().encode(config);
  };
  return { name, location: `memory/${name}`, read };
}

export function writeRegnetyFolder(folder: string, config: RegnetyConfig, labels: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "model.safetensors"), regnetyFile(syntheticRegnety(config)));
  writeFileSync(join(folder, "config.json"), writeConfigJson(config, labels));
  return folder;
}
