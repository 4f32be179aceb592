// Tensor map: named float32 tensors, and the check that a file's tensors are those of a model.

import { quote, VitrineError } from "../errors.js";
import { formatShape } from "../graph/tensor.js";

/** A float32 tensor in host memory; the key of a `TensorMap` is its name. */
export interface NamedTensor {
  /** Axes in PyTorch's order, the last one contiguous. */
  shape: number[];
  /** Row-major, as many values as the product of `shape`. */
  data: Float32Array;
}

/** Tensor name → tensor. A model's are in the order of timm's state_dict. */
export type TensorMap = Map<string, NamedTensor>;

/** Tensor name → shape, in the order of timm's state_dict. */
export type ParameterShapes = ReadonlyMap<string, readonly number[]>;

const ORIGIN = "sizes come from config.json, or from the file's name";

/**
 * Checks that `tensors` has exactly the tensors of `expected`. `subject` names the file in errors. Throws
 * `weights/missing-tensor`, `weights/shape` or `weights/unknown-tensor` for the first tensor that does not fit, with
 * its name, the expected shape and the shape found.
 */
export function checkShapes(tensors: TensorMap, expected: ParameterShapes, subject: string): void {
  for (const [name, shape] of expected) {
    const details = { file: subject, tensor: name };
    const found = tensors.get(name);
    const tensor = `${subject}: tensor "${quote(name)}"`;
    if (!found) {
      const text = `${tensor} is missing; a model of these sizes has it with shape ${formatShape(shape)}`;
      throw new VitrineError("weights/missing-tensor", text, { details });
    }
    if (formatShape(found.shape) === formatShape(shape)) continue;
    const shapes = `has shape ${formatShape(found.shape)}, expected ${formatShape(shape)}`;
    throw new VitrineError("weights/shape", `${tensor} ${shapes} (${ORIGIN})`, { details });
  }
  for (const [name, { shape }] of tensors) {
    if (expected.has(name)) continue;
    const tensor = `${subject}: tensor "${quote(name)}" ${formatShape(shape)}`;
    throw new VitrineError(
      "weights/unknown-tensor",
      `${tensor} is not part of a model of these sizes (${ORIGIN})`,
      {
        details: { file: subject, tensor: name },
      },
    );
  }
}

const BUFFERS = [".running_mean", ".running_var"];

/** Whether PyTorch's batch norm keeps this tensor as a running statistic, which no gradient changes. */
export function isBuffer(name: string): boolean {
  return BUFFERS.some((buffer) => name.endsWith(buffer));
}

/** Number of float32 values that training changes by gradients: running statistics are not counted. */
export function parameterCount(weights: TensorMap): number {
  return Array.from(weights).reduce((sum, [name, { data }]) => (isBuffer(name) ? sum : sum + data.length), 0);
}
