// Dispatch: one call of a kernel, with its operands, parameters and grid, before it has a pipeline.

import type { Slice } from "./device.js";
import type { KernelName } from "./generated/kernel-sources.js";

export type { KernelName };

/** Workgroups along x, y and z. */
export type Grid = readonly [number, number, number];

export interface Dispatch {
  readonly kernel: KernelName;
  readonly constants?: Readonly<Record<string, number>>;
  /** By their names in the kernel; undefined for an optional operand that this call does not use. */
  readonly operands: Readonly<Record<string, Slice | undefined>>;
  /** The words of the kernel's Params, in order. */
  readonly numbers: readonly number[];
  readonly grid: Grid;
}

/** The largest number of workgroups along an axis on every device. */
const LARGEST_GRID = 65_535;

/** `count` workgroups, folded into rows where there are more than one axis allows. */
export function foldedGrid(count: number): Grid {
  const rows = Math.ceil(count / LARGEST_GRID);
  return [Math.ceil(count / rows), rows, 1];
}

const ELEMENTS_PER_GROUP = 256;

/** The grid of a kernel with one invocation for each of `count` values. */
export function elementGrid(count: number): Grid {
  return foldedGrid(Math.ceil(count / ELEMENTS_PER_GROUP));
}

/** The bits of a float32 as a word. */
export function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
