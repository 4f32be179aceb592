// Tiny model: a DeiT small enough to train in seconds, and a model folder of it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DrawMath } from "../../runtime/draw/random.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { IMAGENET_MEAN, IMAGENET_STD } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { initialWeights } from "../../runtime/models/deit/initialization.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";

export function tinyConfig(sizes: Partial<DeitConfig> = {}): DeitConfig {
  return {
    ...{ imageSize: 32, patchSize: 8, dim: 32, depth: 3, heads: 2, mlpDim: 64, classes: 3, distilled: true },
    ...{ layerNormEpsilon: 1e-6, mean: IMAGENET_MEAN, std: IMAGENET_STD, cropRatio: 0.875, ...sizes },
  };
}

export async function drawMath(): Promise<DrawMath> {
  return (await createImageModule(nodeHost())).math;
}

/** Writes a model folder with weights drawn from `seed`; the sizes alone are FOLDER/config.json. */
export async function writeTinyModel(
  folder: string,
  config: DeitConfig,
  labels: readonly string[],
  seed: number,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const weights = initialWeights(config, seed, await drawMath());
  writeFileSync(join(folder, "config.json"), writeConfigJson(config, labels));
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(storedFloats(weights)));
  return folder;
}
