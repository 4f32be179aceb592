// Tensor: a named array of a graph, its shape, and where its values come from. Holds no values itself, except
// constants.

import { VitrineError } from "../errors.js";
import type { TensorId } from "./catalog.js";

export type { TensorId } from "./catalog.js";

/** `int8` tensors are in stores of int8 matrices only; the planner chooses `float16` (facts.ts). */
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
  /** Written by the caller before each run. */
  | { readonly kind: "input" }
  /** The same at every run. */
  | { readonly kind: "constant"; readonly values: Float32Array }
  /** Tensors `first` … `last` of a store, contiguous in the store's order; mostly one tensor. */
  | { readonly kind: "store"; readonly store: string; readonly first: string; readonly last: string }
  /** Written by an operation of this graph. */
  | { readonly kind: "activation" };

/** A named array of a graph: shape, type and origin. It holds no values itself, except in a constant's origin. */
export interface Tensor {
  readonly id: TensorId;
  /** For messages and, in a store, the key of its values; not unique. */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: ElementType;
  readonly origin: Origin;
}

/** Bytes of a tensor without any padding. */
export function tensorBytes(tensor: Tensor): number {
  return elementCount(tensor.shape) * ELEMENT_BYTES[tensor.dtype];
}

// Shape: sizes of a tensor along its axes, and the checks that every shape rule makes.

/**
 * Sizes of a tensor along its axes, whole numbers of at least 1. Values are row-major: the last axis is contiguous.
 */
export type Shape = readonly number[];

/** Number of values: the product of all axes. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Throws `graph/shape` unless `got` is `wanted`; `where` names operation and operand, as in `linear bias`. */
export function expectShape(where: string, got: Shape, wanted: Shape): void {
  if (sameShape(got, wanted)) return;
  throw new VitrineError(
    "graph/shape",
    `${where}: shape ${formatShape(got)}, wanted ${formatShape(wanted)}`,
    {
      details: { where, got: formatShape(got), wanted: formatShape(wanted) },
    },
  );
}

/** Throws `graph/shape` unless `got` has this many axes. */
export function expectAxes(where: string, got: Shape, axes: number): void {
  if (got.length === axes) return;
  throw new VitrineError("graph/shape", `${where}: shape ${formatShape(got)}, wanted ${axes} axes`, {
    details: { where, got: formatShape(got), axes },
  });
}

/** Throws `graph/shape` unless `divisor` divides `size`. */
export function expectMultiple(where: string, size: number, divisor: number): void {
  if (divisor > 0 && size % divisor === 0) return;
  throw new VitrineError("graph/shape", `${where}: ${size} is no multiple of ${divisor}`, {
    details: { where, size, divisor },
  });
}
