// Check shapes: whether a file's tensors are those that a model of the given sizes has.

import { VitrineError } from "../errors.js";
import type { TensorMap } from "./tensor-map.js";

const text = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/**
 * `expected`: timm name → shape. Throws `weights/missing-tensor`, `weights/unknown-tensor` or `weights/shape` for
 * the first tensor that does not fit, naming it, what was expected and what the file has.
 */
export function checkShapes(
  tensors: TensorMap,
  expected: ReadonlyMap<string, readonly number[]>,
  subject: string,
): void {
  for (const [name, shape] of expected) {
    const found = tensors.get(name);
    if (!found) {
      const message = `${subject}: tensor "${name}" is missing; a model of these sizes has it with shape ${text(shape)}`;
      throw new VitrineError("weights/missing-tensor", message, { details: { file: subject, tensor: name } });
    }
    if (text(found.shape) === text(shape)) continue;
    const message = `${subject}: tensor "${name}" has shape ${text(found.shape)}, expected ${text(shape)} (sizes come from config.json, or from the file's name)`;
    throw new VitrineError("weights/shape", message, { details: { file: subject, tensor: name } });
  }
  for (const [name, { shape }] of tensors) {
    if (expected.has(name)) continue;
    const message = `${subject}: tensor "${name}" ${text(shape)} has no place in a model of these sizes (they come from config.json, or from the file's name)`;
    throw new VitrineError("weights/unknown-tensor", message, { details: { file: subject, tensor: name } });
  }
}
