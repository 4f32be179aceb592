// DeiT parameters: name and shape of every tensor of a model, in timm's order, and the sizes that follow from shapes.

import { quote, VitrineError } from "../../errors.js";
import { formatShape } from "../../graph/tensor.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import { checkConfig, type DeitConfig, HEAD_DIM } from "./config.js";

/** Patches of an image. */
export function patchCount(config: DeitConfig): number {
  return (config.imageSize / config.patchSize) ** 2;
}

/** Patches and prefix tokens: the class token, and the distillation token of a distilled model. */
export function tokenCount(config: DeitConfig): number {
  return patchCount(config) + (config.distilled ? 2 : 1);
}

/** timm name → shape with PyTorch's axes, in the order of timm's state_dict. Throws `model/config`. */
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
  for (const name of headNames(config)) layer(name, classes, dim);
  return shapes;
}

/** The class head, and the distillation head of a distilled model. */
export function headNames({ distilled }: DeitConfig): string[] {
  return distilled ? ["head", "head_dist"] : ["head"];
}

const INT8_LAYERS = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"];

/** Weights of the blocks' linear layers: 93% of DeiT-Tiny's, more of a larger model's. */
export function int8Layers({ depth }: DeitConfig): Set<string> {
  const blocks = Array.from({ length: depth }, (_, index) => `blocks.${index}`);
  return new Set(blocks.flatMap((block) => INT8_LAYERS.map((layer) => `${block}.${layer}.weight`)));
}

/**
 * Tensors under timm's names → the sizes of their model. `heads` is absent where the width is not a multiple of 64.
 * Throws `weights/missing-tensor` where a tensor that a size is read from is missing.
 */
export function sizesFromShapes(tensors: TensorMap, subject: string): Partial<DeitConfig> {
  const [dim = 0, , patchSize = 0] = shapeOf(tensors, "patch_embed.proj.weight", 4, subject);
  const [, rows = 0] = shapeOf(tensors, "pos_embed", 3, subject);
  const [mlpDim = 0] = shapeOf(tensors, "blocks.0.mlp.fc1.weight", 2, subject);
  const [classes = 0] = shapeOf(tensors, "head.weight", 2, subject);
  const distilled = tensors.has("dist_token");
  const grid = Math.floor(Math.sqrt(rows - (distilled ? 2 : 1)));
  const blocks = Array.from(tensors.keys(), (name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  const depth = blocks.reduce((largest, index) => Math.max(largest, index), -1) + 1;
  const sizes = { imageSize: grid * patchSize, patchSize, dim, depth, mlpDim, classes, distilled };
  return dim % HEAD_DIM === 0 ? { ...sizes, heads: dim / HEAD_DIM } : sizes;
}

function shapeOf(tensors: TensorMap, name: string, axes: number, subject: string): number[] {
  const shape = tensors.get(name)?.shape;
  if (shape?.length === axes) return shape;
  const found = shape ? `has shape ${formatShape(shape)}, expected ${axes} axes` : "is missing";
  throw new VitrineError(
    "weights/missing-tensor",
    `${subject}: not a DeiT: tensor "${quote(name)}" ${found}`,
    {
      details: { file: subject, tensor: name },
    },
  );
}
