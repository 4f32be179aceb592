// Program inputs: the inputs of a run compared with those of the program, the same for every executor.

import { VitrineError } from "../errors.js";
import type { Program, ProgramInputs } from "../graph/program.js";
import type { ElementType, Tensor, TensorId } from "../graph/tensor.js";
import { elementCount } from "../graph/tensor.js";
import type { DeviceArray } from "./device-store.js";
import type { DeviceInputs } from "./executor.js";

type Given = DeviceInputs[string];

/**
 * The values of every input that some operation reads; others have no memory and need not be given. Throws
 * `graph/input` with the expected input.
 */
export function checkedInputs<T extends Given>(
  { name, graph, placements }: Program,
  inputs: Readonly<Record<string, T>>,
): [TensorId, T][] {
  for (const given of Object.keys(inputs)) {
    if (!graph.inputs.has(given))
      throw new VitrineError(
        "graph/input",
        `${name}: there is no input ${given}, only ${[...graph.inputs.keys()].join(", ")}`,
      );
  }
  return [...graph.inputs]
    .filter(([, id]) => placements.has(id))
    .map(([input, id]) => [id, checkedInput(name, input, graph.tensors[id], inputs[input])]);
}

export function isDeviceArray(values: Given): values is DeviceArray {
  return !ArrayBuffer.isView(values);
}

/** Throws `graph/input` where one of the inputs is on a device: CPU executors take none. */
export function hostInputs(inputs: DeviceInputs): ProgramInputs {
  for (const [input, values] of Object.entries(inputs))
    if (isDeviceArray(values))
      throw new VitrineError(
        "graph/input",
        `input ${input} is on a device, but this executor takes host memory: pass the array of its read()`,
      );
  return inputs as ProgramInputs;
}

function elementTypeOf(values: Given): ElementType {
  if (values instanceof Uint8Array) return "uint8";
  return values instanceof Float64Array ? "float64" : "float32";
}

function checkedInput<T extends Given>(
  program: string,
  input: string,
  tensor: Tensor,
  values: T | undefined,
): T {
  const wanted = elementCount(tensor.shape);
  const count = values && (isDeviceArray(values) ? values.count : values.length);
  if (values && elementTypeOf(values) === tensor.dtype && count === wanted) return values;
  const got = values ? `${count} values of ${elementTypeOf(values)}` : "nothing";
  throw new VitrineError(
    "graph/input",
    `${program}: input ${input} got ${got}, wanted ${wanted} of ${tensor.dtype}`,
    { details: { input, wanted, got } },
  );
}
