// Shape: sizes of a tensor along its axes, and the checks that every shape rule makes.

import { VitrineError } from "../errors.js";

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
