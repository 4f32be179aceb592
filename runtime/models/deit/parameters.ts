// DeiT parameters: name and shape of every tensor of a model, in timm's order, and the checks on a configuration.

import { VitrineError } from "../../errors.js";
import type { DeitConfig } from "../config.js";

/** Patches along one side, squared. */
export function patchCount(config: DeitConfig): number {
  return (config.imageSize / config.patchSize) ** 2;
}

/** Patches and prefix tokens: class token, and the distillation token of a distilled model. */
export function tokenCount(config: DeitConfig): number {
  return patchCount(config) + (config.distilled ? 2 : 1);
}

/** Throws `model/config` where sizes are no positive whole numbers or do not divide each other. */
export function checkConfig(config: DeitConfig): void {
  const sizes = ["imageSize", "patchSize", "dim", "depth", "heads", "mlpDim", "classes"] as const;
  for (const name of sizes) {
    const size = config[name];
    if (!Number.isSafeInteger(size) || size < 1)
      throw new VitrineError(
        "model/config",
        `model configuration: ${name} is ${size}, it must be a whole number of at least 1`,
        { details: { name, size } },
      );
  }
  const divisible = (whole: "imageSize" | "dim", part: "patchSize" | "heads") => {
    if (config[whole] % config[part] === 0) return;
    throw new VitrineError(
      "model/config",
      `model configuration: ${whole} ${config[whole]} is no multiple of ${part} ${config[part]}`,
      { details: { [whole]: config[whole], [part]: config[part] } },
    );
  };
  divisible("imageSize", "patchSize");
  divisible("dim", "heads");
}

const INT8_LAYERS = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"];

/** Weights that int8 inference keeps in eight bits: the linear layers of the blocks, 93% of DeiT-Tiny and more of larger ones. */
export function int8Layers({ depth }: DeitConfig): Set<string> {
  const blocks = Array.from({ length: depth }, (_, index) => `blocks.${index}`);
  return new Set(blocks.flatMap((block) => INT8_LAYERS.map((layer) => `${block}.${layer}.weight`)));
}

/** timm name → shape with the axes of PyTorch, in the order of timm's state_dict. */
export function deitParameters(config: DeitConfig): Map<string, number[]> {
  checkConfig(config);
  const { dim, mlpDim, classes, patchSize, depth, distilled } = config;
  const shapes = new Map<string, number[]>();
  const layer = (name: string, outputs: number, inputs: number) => {
    shapes.set(`${name}.weight`, [outputs, inputs]);
    shapes.set(`${name}.bias`, [outputs]);
  };
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [dim]);
    shapes.set(`${name}.bias`, [dim]);
  };
  shapes.set("cls_token", [1, 1, dim]);
  shapes.set("pos_embed", [1, tokenCount(config), dim]);
  if (distilled) shapes.set("dist_token", [1, 1, dim]);
  shapes.set("patch_embed.proj.weight", [dim, 3, patchSize, patchSize]);
  shapes.set("patch_embed.proj.bias", [dim]);
  for (let index = 0; index < depth; index++) {
    const block = `blocks.${index}`;
    norm(`${block}.norm1`);
    layer(`${block}.attn.qkv`, 3 * dim, dim);
    layer(`${block}.attn.proj`, dim, dim);
    norm(`${block}.norm2`);
    layer(`${block}.mlp.fc1`, mlpDim, dim);
    layer(`${block}.mlp.fc2`, dim, mlpDim);
  }
  norm("norm");
  layer("head", classes, dim);
  if (distilled) layer("head_dist", classes, dim);
  return shapes;
}
