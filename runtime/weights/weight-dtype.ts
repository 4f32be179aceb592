// Weight dtype: in which numbers a model's weights are kept, and tensors brought to each and written in it.

import { VitrineError } from "../errors.js";
import { floatsToHalves, halvesToFloats, LARGEST_HALF } from "./half-float.js";
import { type Int8Matrix, quantizeMatrix } from "./int8-matrix.js";
import { type SafetensorsFile, type StoredTensor, scaleName, storedFloats } from "./safetensors.js";
import type { NamedTensor, TensorMap } from "./tensor-map.js";

/**
 * `float16` halves a file and is widened to float32 when it is read. `int8` keeps the large linear layers in eight bits with
 * a scale for each output, the rest in float16, a quarter of a file; where the device has kernels it computes so too.
 */
export type WeightDtype = "float32" | "float16" | "int8";

/** Weights in one dtype: what is float32 in memory, and the layers that are int8 matrices instead. */
export interface DtypeWeights {
  weights: TensorMap;
  /** By the name of the weight that each stands for. */
  matrices: ReadonlyMap<string, Int8Matrix>;
}

/** What a file keeps its weights in: int8 where a tensor is, float16 where most values are halves. */
export function fileDtype({ tensors }: SafetensorsFile): WeightDtype {
  const all = [...tensors.values()];
  if (all.some(({ dtype }) => dtype === "I8")) return "int8";
  const count = (...dtypes: string[]) =>
    all.reduce((sum, { dtype, data }) => (dtypes.includes(dtype) ? sum + data.length : sum), 0);
  return count("F16", "BF16") > count("F32", "F64") ? "float16" : "float32";
}

function toHalves(name: string, data: Float32Array): Uint16Array {
  const place = data.findIndex((value) => Math.abs(value) > LARGEST_HALF);
  if (place < 0) return floatsToHalves(data);
  const text = `tensor "${name}" holds ${data[place]}, which float16 cannot: its numbers end at ${LARGEST_HALF}; keep float32 (--dtype f32)`;
  throw new VitrineError("weights/float16", text, { details: { tensor: name } });
}

/** Every value as float16 has it, in float32. Throws `weights/float16` for a number that is too large. */
export function throughHalves(weights: TensorMap): TensorMap {
  const round = (name: string, { shape, data }: NamedTensor): [string, NamedTensor] => [
    name,
    { shape, data: halvesToFloats(toHalves(name, data)) },
  ];
  return new Map(Array.from(weights, ([name, tensor]) => round(name, tensor)));
}

/**
 * Float32 weights brought to `dtype`, so that a model answers as one that was written and read in it. `layers`: weights
 * that become int8 matrices, those in `known` as they stand there. Throws `weights/float16`.
 */
export function toDtype(
  weights: TensorMap,
  dtype: WeightDtype,
  layers: ReadonlySet<string>,
  known: ReadonlyMap<string, Int8Matrix> = new Map(),
): DtypeWeights {
  if (dtype === "float32") return { weights, matrices: new Map() };
  if (dtype === "float16") return { weights: throughHalves(weights), matrices: new Map() };
  const matrices = new Map<string, Int8Matrix>();
  const rest: TensorMap = new Map();
  for (const [name, tensor] of weights) {
    const outputs = tensor.shape[0] as number;
    if (!layers.has(name)) rest.set(name, tensor);
    else
      matrices.set(
        name,
        known.get(name) ?? quantizeMatrix(tensor.data, outputs, tensor.data.length / outputs),
      );
  }
  return { weights: throughHalves(rest), matrices };
}

/** The tensors of a file in `dtype`: F32, F16, or I8 with F32 scales beside F16. */
export function storedTensors(
  { weights, matrices }: DtypeWeights,
  dtype: WeightDtype,
): Map<string, StoredTensor> {
  if (dtype === "float32") return storedFloats(weights);
  const stored = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of weights)
    stored.set(name, { dtype: "F16", shape, data: toHalves(name, data) });
  for (const [name, { values, scales, outputs, inputs }] of matrices) {
    stored.set(name, { dtype: "I8", shape: [outputs, inputs], data: values });
    stored.set(scaleName(name), { dtype: "F32", shape: [outputs], data: scales });
  }
  return stored;
}
