// Weight dtype: the numbers that a model's weights are kept in, and tensors converted to each and written in it.

import { quote, VitrineError } from "../errors.js";
import {
  areHalves,
  bfloatsToFloats,
  floatsToBfloats,
  floatsToHalves,
  halvesToFloats,
  LARGEST_HALF,
} from "./half-float.js";
import { type Int8Matrix, quantizeMatrix } from "./int8-matrix.js";
import { type SafetensorsFile, type StoredTensor, scaleName, storedFloats } from "./safetensors.js";
import type { NamedTensor, TensorMap } from "./tensor-map.js";

/** Floating-point types that weights are kept in, here and in other projects. */
export type FloatDtype = "float32" | "float16" | "bfloat16";

/**
 * The numbers that weights are kept in. `float16` and `bfloat16` halve a file and are widened to float32 on reading.
 * `int8` keeps the large linear layers in eight bits with a scale per output and the rest in float16, a quarter of the
 * file; devices with int8 kernels compute with it, too.
 */
export type WeightDtype = FloatDtype | "int8";

/** Weights in one dtype: float32 tensors, and the layers that are int8 matrices instead. */
export interface DtypeWeights {
  weights: TensorMap;
  /** By the name of the weight that each replaces. */
  matrices: ReadonlyMap<string, Int8Matrix>;
}

/** The dtype of a file: int8 if any tensor is, else that of most values, where the half as long ones are the most. */
export function fileDtype({ tensors }: SafetensorsFile): WeightDtype {
  const all = [...tensors.values()];
  if (all.some(({ dtype }) => dtype === "I8")) return "int8";
  const count = (...dtypes: string[]) =>
    all.reduce((sum, { dtype, data }) => (dtypes.includes(dtype) ? sum + data.length : sum), 0);
  if (count("F16", "BF16") <= count("F32", "F64")) return "float32";
  return count("BF16") > count("F16") ? "bfloat16" : "float16";
}

function toHalves(name: string, data: Float32Array): Uint16Array {
  const place = data.findIndex((value) => Math.abs(value) > LARGEST_HALF);
  if (place < 0) return floatsToHalves(data);
  const text =
    `tensor "${quote(name)}" holds ${data[place]}, more than float16's largest number, ${LARGEST_HALF}; ` +
    "keep float32 (--dtype f32)";
  throw new VitrineError("weights/float16", text, { details: { tensor: name } });
}

/**
 * Every value rounded to float16, in float32; tensors that do not change are shared. Throws `weights/float16` for a value
 * that is too large.
 */
function throughHalves(weights: TensorMap): TensorMap {
  const round = (name: string, tensor: NamedTensor): NamedTensor =>
    areHalves(tensor.data)
      ? tensor
      : { shape: tensor.shape, data: halvesToFloats(toHalves(name, tensor.data)) };
  return new Map(Array.from(weights, ([name, tensor]) => [name, round(name, tensor)]));
}

/**
 * Float32 weights converted to `dtype`, so that a model answers as if it had been written and read in it. `layers`: the
 * weights that become int8 matrices, taken from `known` where it has them. Throws `weights/float16`.
 */
export function toDtype(
  weights: TensorMap,
  dtype: WeightDtype,
  layers: ReadonlySet<string>,
  known: ReadonlyMap<string, Int8Matrix> = new Map(),
): DtypeWeights {
  if (dtype !== "int8") return { weights: throughDtype(weights, dtype), matrices: new Map() };
  const matrices = new Map<string, Int8Matrix>();
  const rest: TensorMap = new Map();
  for (const [name, tensor] of weights) {
    const [outputs] = tensor.shape;
    if (!layers.has(name)) rest.set(name, tensor);
    else
      matrices.set(
        name,
        known.get(name) ?? quantizeMatrix(tensor.data, outputs, tensor.data.length / outputs),
      );
  }
  return { weights: throughHalves(rest), matrices };
}

/** The tensors of a file in `dtype`: F32, F16, BF16, or I8 with F32 scales beside F16. */
export function storedTensors(
  { weights, matrices }: DtypeWeights,
  dtype: WeightDtype,
): Map<string, StoredTensor> {
  if (dtype !== "int8") return storedFloatsAs(weights, dtype);
  const stored = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of weights)
    stored.set(name, { dtype: "F16", shape, data: toHalves(name, data) });
  for (const [name, { values, scales, outputs, inputs }] of matrices) {
    stored.set(name, { dtype: "I8", shape: [outputs, inputs], data: values });
    stored.set(scaleName(name), { dtype: "F32", shape: [outputs], data: scales });
  }
  return stored;
}

const HALVES = {
  float16: { dtype: "F16", narrow: toHalves },
  bfloat16: { dtype: "BF16", narrow: (_: string, data: Float32Array) => floatsToBfloats(data) },
} as const;

/** The values that a file in `dtype` holds, in float32. Throws `weights/float16`. */
export function throughDtype(weights: TensorMap, dtype: FloatDtype): TensorMap {
  if (dtype === "float32") return weights;
  if (dtype === "float16") return throughHalves(weights);
  const widen = (data: Float32Array) => bfloatsToFloats(floatsToBfloats(data));
  return new Map(Array.from(weights, ([name, { shape, data }]) => [name, { shape, data: widen(data) }]));
}

/** Every tensor in `dtype`. Throws `weights/float16` for a value that is too large for float16. */
export function storedFloatsAs(weights: TensorMap, dtype: FloatDtype): Map<string, StoredTensor> {
  if (dtype === "float32") return storedFloats(weights);
  const { dtype: stored, narrow } = HALVES[dtype];
  return new Map(
    Array.from(weights, ([name, { shape, data }]) => [
      name,
      { dtype: stored, shape, data: narrow(name, data) },
    ]),
  );
}
