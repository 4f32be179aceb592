// Tensor: a named array of a graph, and where its values come from. Holds no values itself, constants apart.

import { elementCount, type Shape } from "./shape.js";

/** Index of a tensor in `graph.tensors`. */
export type TensorId = number;

/** `int8` tensors lie in stores of int8 matrices only; `float16` ones are made by the planner (half-activations.ts). */
export type ElementType = "float32" | "float16" | "uint8" | "float64" | "int8";

const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  float16: 2,
  uint8: 1,
  float64: 8,
  int8: 1,
};

/** Where a tensor's values come from. */
export type Origin =
  /** Written from outside before each run. */
  | { readonly kind: "input" }
  /** The same at every run. */
  | { readonly kind: "constant"; readonly values: Float32Array }
  /** Tensors `first` … `last` of a store, one behind the other in the store's order; mostly one tensor. */
  | { readonly kind: "store"; readonly store: string; readonly first: string; readonly last: string }
  /** Made by an operation of this graph. */
  | { readonly kind: "activation" };

export interface Tensor {
  readonly id: TensorId;
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: ElementType;
  readonly origin: Origin;
}

/** Bytes of a tensor without any padding. */
export function tensorBytes(tensor: Tensor): number {
  return elementCount(tensor.shape) * ELEMENT_BYTES[tensor.dtype];
}
