// Dispatch: one call of a kernel, with its operands, its numbers and its grid, before it has a pipeline.

import { VitrineError } from "../../errors.js";
import type { Slice } from "./device.js";
import { type KernelName, type KernelVariant, operandBindings } from "./kernels.js";

export type Grid = readonly [number, number, number];

export interface Dispatch {
  readonly kernel: KernelName;
  readonly constants?: Readonly<Record<string, number>>;
  /** By the names in the kernel; undefined for an operand that this call does without. */
  readonly operands: Readonly<Record<string, Slice | undefined>>;
  /** The words of the kernel's Params, in order. */
  readonly numbers: readonly number[];
  readonly grid: Grid;
}

/** Every device's largest grid along an axis. */
const LARGEST_GRID = 65_535;

/** `count` workgroups, in rows where there are more than an axis may have. */
export function foldedGrid(count: number): Grid {
  const rows = Math.ceil(count / LARGEST_GRID);
  return [Math.ceil(count / rows), rows, 1];
}

const ELEMENTS_PER_GROUP = 256;

/** The grid of a kernel with an invocation for each of `count` values. */
export function elementGrid(count: number): Grid {
  return foldedGrid(Math.ceil(count / ELEMENTS_PER_GROUP));
}

/** The bits of a float32 as a word. */
export function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}

/** Operands at the same place become one; `tier` has the constants of the device's tier. Throws `internal/webgpu` where two overlap otherwise. */
export function variantOf(
  { kernel, constants: own = {}, operands }: Dispatch,
  tier: Readonly<Record<string, number>> = {},
): KernelVariant {
  const constants = { ...tier, ...own };
  const bindings = operandBindings({ kernel, constants });
  const aliases = new Map<string, string>();
  const present = Object.entries(operands).filter(
    (entry): entry is [string, Slice] => entry[1] !== undefined,
  );
  for (const [name] of present)
    if (!bindings.has(name))
      throw new VitrineError("internal/webgpu", `kernel ${kernel} declares no operand ${name}`);
  present.forEach(([name, slice], index) => {
    for (const [other, earlier] of present.slice(0, index)) {
      if (aliases.has(other) || !overlap(slice, earlier)) continue;
      if (slice.offset !== earlier.offset || slice.bytes !== earlier.bytes || slice.half !== earlier.half)
        throw new VitrineError("internal/webgpu", `kernel ${kernel}: ${name} and ${other} overlap`);
      aliases.set(name, other);
      return;
    }
  });
  const halves = new Set(present.filter(([, { half }]) => half).map(([name]) => name));
  return { kernel, constants, aliases, halves };
}

function overlap(a: Slice, b: Slice): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}
