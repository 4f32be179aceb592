// Int8 weights: a model's int8 matrices brought into an executor's memory, or refused.

import { VitrineError } from "../errors.js";
import type { Executor, Int8Store } from "../executors/executor.js";
import type { ParameterShapes } from "../executors/parameter-store.js";
import { MOST_INT8_INPUTS } from "../graph/int8-linears.js";
import { deitParameters } from "../models/deit/parameters.js";
import type { ModelConfig } from "../models/families.js";
import { isRegnety } from "../models/regnety/config.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";

/** By the name of the weight that each stands for. */
export type Matrices = ReadonlyMap<string, Int8Matrix>;

/** Throws `device/int8` where the executor has no kernels, `weights/shape` where a matrix is not the model's. */
export function createInt8Matrices(
  executor: Executor,
  config: ModelConfig,
  matrices: Matrices,
): Int8Store | undefined {
  if (matrices.size === 0) return undefined;
  if (!executor.createInt8Store) throw int8Unavailable(executor.device);
  const shapes: ParameterShapes = isRegnety(config) ? new Map() : deitParameters(config);
  for (const [name, { outputs, inputs }] of matrices) {
    const wanted = (shapes.get(name) ?? []).join(", ");
    if (wanted === `${outputs}, ${inputs}` && inputs <= MOST_INT8_INPUTS) continue;
    const text = `int8 matrix "${name}" is [${outputs}, ${inputs}], wanted [${wanted}] with at most ${MOST_INT8_INPUTS} inputs (--dtype f32 computes without)`;
    throw new VitrineError("weights/shape", text, { details: { tensor: name } });
  }
  return executor.createInt8Store(matrices);
}

/** For a device that has no kernels. */
export function int8Unavailable(device: string): VitrineError {
  const text = `dtype int8: device ${device} has no int8 kernels; allowed: --device wasm, or --dtype f32, which widens the weights`;
  return new VitrineError("device/int8", text, { details: { device } });
}
