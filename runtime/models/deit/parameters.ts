// DeiT parameters: name and shape of every tensor of a model, in timm's order, and the sizes that follow from shapes.

import { quote, VitrineError } from "../../errors.js";
import { formatShape } from "../../graph/tensor.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import { checkConfig, type DeitConfig, headNames, normsPool, positionCount, prefixCount } from "./config.js";

/** timm name → shape with PyTorch's axes, in the order of timm's state_dict. Throws `model/config`. */
export function deitParameters(config: DeitConfig): Map<string, number[]> {
  checkConfig(config);
  const { dim, mlpDim, classes, patchSize, depth, distilled, registers = 0 } = config;
  const { classToken = true, qkvBias = true, layerScale } = config;
  const shapes = new Map<string, number[]>();
  const layer = (name: string, outputs: number, inputs: number, hasBias = true) => {
    shapes.set(`${name}.weight`, [outputs, inputs]);
    if (hasBias) shapes.set(`${name}.bias`, [outputs]);
  };
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [dim]);
    shapes.set(`${name}.bias`, [dim]);
  };
  const scale = (name: string) => {
    if (layerScale !== undefined) shapes.set(`${name}.gamma`, [dim]);
  };
  if (classToken) shapes.set("cls_token", [1, 1, dim]);
  if (registers > 0) shapes.set("reg_token", [1, registers, dim]);
  shapes.set("pos_embed", [1, positionCount(config), dim]);
  if (distilled) shapes.set("dist_token", [1, 1, dim]);
  shapes.set("patch_embed.proj.weight", [dim, 3, patchSize, patchSize]);
  shapes.set("patch_embed.proj.bias", [dim]);
  for (let index = 0; index < depth; index++) {
    const block = `blocks.${index}`;
    norm(`${block}.norm1`);
    layer(`${block}.attn.qkv`, 3 * dim, dim, qkvBias);
    layer(`${block}.attn.proj`, dim, dim);
    scale(`${block}.ls1`);
    norm(`${block}.norm2`);
    layer(`${block}.mlp.fc1`, mlpDim, dim);
    layer(`${block}.mlp.fc2`, dim, mlpDim);
    scale(`${block}.ls2`);
  }
  norm(normsPool(config) ? "fc_norm" : "norm");
  for (const name of headNames(config)) layer(name, classes, dim);
  return shapes;
}

const INT8_LAYERS = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"];

/** Weights of the blocks' linear layers: 93% of DeiT-Tiny's, more of a larger model's. */
export function int8Layers({ depth }: DeitConfig): Set<string> {
  const blocks = Array.from({ length: depth }, (_, index) => `blocks.${index}`);
  return new Set(blocks.flatMap((block) => INT8_LAYERS.map((layer) => `${block}.${layer}.weight`)));
}

/** Parts that only some of the models have, as the tensors show them. */
function partsFromTensors(tensors: TensorMap): Partial<DeitConfig> {
  const normAfterPool = tensors.has("fc_norm.weight") && !tensors.has("norm.weight");
  const classToken = tensors.has("cls_token");
  return {
    distilled: tensors.has("dist_token"),
    ...(tensors.has("blocks.0.ls1.gamma") && { layerScale: 1e-4 }),
    ...(tensors.has("reg_token") && { registers: tensors.get("reg_token")?.shape[1] ?? 0 }),
    ...(!tensors.has("blocks.0.attn.qkv.bias") && { qkvBias: false }),
    ...(!classToken && { classToken }),
    ...((normAfterPool || !classToken) && { pool: "avg" as const, poolNorm: normAfterPool }),
  };
}

/**
 * Tensors under timm's names → the sizes of their model. `heads` is absent where the width is unusual, `classes` where
 * there is no head. Throws `weights/missing-tensor` where a tensor that a size is read from is missing.
 */
export function sizesFromShapes(tensors: TensorMap, subject: string): Partial<DeitConfig> {
  const [dim = 0, , patchSize = 0] = shapeOf(tensors, "patch_embed.proj.weight", 4, subject);
  const [, rows = 0] = shapeOf(tensors, "pos_embed", 3, subject);
  const [mlpDim = 0] = shapeOf(tensors, "blocks.0.mlp.fc1.weight", 2, subject);
  const [classes] = tensors.get("head.weight")?.shape ?? [];
  const parts = partsFromTensors(tensors);
  const prefix = prefixCount(parts);
  const prefixPositions = positionsCoverPrefix(rows, prefix);
  const grid = Math.floor(Math.sqrt(rows - (prefixPositions ? prefix : 0)));
  const blocks = Array.from(tensors.keys(), (name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  const depth = blocks.reduce((largest, index) => Math.max(largest, index), -1) + 1;
  return {
    imageSize: grid * patchSize,
    patchSize,
    dim,
    depth,
    mlpDim,
    ...parts,
    ...(classes !== undefined && { classes }),
    ...(!prefixPositions && { prefixPositions }),
    // DeiT III is evaluated without a crop.
    ...(!prefixPositions && parts.layerScale !== undefined && { cropRatio: 1 }),
  };
}

/** Whether a position embedding of `rows` has rows for the tokens before the patches, which form a square. */
export function positionsCoverPrefix(rows: number, prefix: number): boolean {
  const isSquare = (count: number) => count >= 1 && Number.isInteger(Math.sqrt(count));
  return prefix === 0 || isSquare(rows - prefix) || !isSquare(rows);
}

function shapeOf(tensors: TensorMap, name: string, axes: number, subject: string): number[] {
  const shape = tensors.get(name)?.shape;
  if (shape?.length === axes) return shape;
  const found = shape ? `has shape ${formatShape(shape)}, expected ${axes} axes` : "is missing";
  const text = `${subject}: not a DeiT: tensor "${quote(name)}" ${found}`;
  throw new VitrineError("weights/missing-tensor", text, { details: { file: subject, tensor: name } });
}
