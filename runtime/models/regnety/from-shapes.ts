// RegNetY from shapes: what the tensors of a checkpoint say about the network that they belong to.

import { VitrineError } from "../../errors.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import type { RegnetyConfig, RegnetyStage } from "./config.js";

const BLOCK = /^s(\d+)\.b(\d+)\.conv1\.conv\.weight$/;

/** The convolution that only a RegNet's checkpoint begins with. */
export const STEM = /^(model\.)?stem\.conv\.weight$/;

function firstAxis(tensors: TensorMap, name: string, subject: string): number {
  const size = tensors.get(name)?.shape[0];
  if (size !== undefined) return size;
  throw new VitrineError("weights/missing-tensor", `${subject}: no RegNetY: tensor "${name}" is missing`, {
    details: { file: subject, tensor: name },
  });
}

/**
 * Facebook's file keeps its tensors below "model"; a conversion to safetensors may have left that in the names. Only
 * where every name has it is it taken off.
 */
export function unwrapped(tensors: TensorMap): TensorMap {
  const prefix = "model.";
  if (![...tensors.keys()].every((name) => name.startsWith(prefix))) return tensors;
  return new Map(Array.from(tensors, ([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/**
 * timm-named tensors → stages, widths, groups, squeeze and classes. The size of the images leaves no trace in them.
 * Throws `weights/missing-tensor` where the tensors that tell sizes are not there.
 */
export function regnetyFromShapes(tensors: TensorMap, subject: string): Partial<RegnetyConfig> {
  const stages: RegnetyStage[] = [];
  for (const [name, { shape }] of tensors) {
    const [, stage, block] = BLOCK.exec(name) ?? [];
    if (stage === undefined) continue;
    const known = stages[Number(stage) - 1];
    const depth = Math.max(known?.depth ?? 0, Number(block));
    stages[Number(stage) - 1] = { width: shape[0] as number, depth };
  }
  for (let stage = 0; stage < stages.length || stage === 0; stage++)
    if (!stages[stage]) firstAxis(tensors, `s${stage + 1}.b1.conv1.conv.weight`, subject);
  const stemWidth = firstAxis(tensors, "stem.conv.weight", subject);
  const groups = stages.map((_, stage) => tensors.get(`s${stage + 1}.b1.conv2.conv.weight`)?.shape[1] ?? 1);
  return {
    stemWidth,
    stages,
    groupWidth: Math.max(...groups),
    seRatio: firstAxis(tensors, "s1.b1.se.fc1.weight", subject) / stemWidth,
    classes: firstAxis(tensors, "head.fc.weight", subject),
  };
}
