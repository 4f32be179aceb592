// Sizes from shapes: what the tensors of a checkpoint say about the model that they belong to.

import { VitrineError } from "../../errors.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import type { DeitConfig } from "../config.js";

/** Every published DeiT has it; the shapes cannot tell the number of heads. */
const HEAD_DIM = 64;

function axes(tensors: TensorMap, name: string, count: number, subject: string): number[] {
  const shape = tensors.get(name)?.shape;
  if (shape?.length === count) return shape;
  const found = shape ? `has shape [${shape.join(", ")}]` : "is missing";
  throw new VitrineError("weights/missing-tensor", `${subject}: no DeiT: tensor "${name}" ${found}`, {
    details: { file: subject, tensor: name },
  });
}

function blockCount(tensors: TensorMap): number {
  const indices = Array.from(tensors.keys(), (name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  return Math.max(-1, ...indices) + 1;
}

/**
 * timm-named tensors → their model's sizes. `heads` is absent where the width is no multiple of 64. Throws
 * `weights/missing-tensor` where the tensors that tell sizes are not there.
 */
export function sizesFromShapes(tensors: TensorMap, subject: string): Partial<DeitConfig> {
  const [dim = 0, , patchSize = 0] = axes(tensors, "patch_embed.proj.weight", 4, subject);
  const [, rows = 0] = axes(tensors, "pos_embed", 3, subject);
  const [mlpDim = 0] = axes(tensors, "blocks.0.mlp.fc1.weight", 2, subject);
  const [classes = 0] = axes(tensors, "head.weight", 2, subject);
  const distilled = tensors.has("dist_token");
  const grid = Math.floor(Math.sqrt(rows - (distilled ? 2 : 1)));
  const imageSize = grid * patchSize;
  const sizes = { imageSize, patchSize, dim, depth: blockCount(tensors), mlpDim, classes, distilled };
  return dim % HEAD_DIM === 0 ? { ...sizes, heads: dim / HEAD_DIM } : sizes;
}
