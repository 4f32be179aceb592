// Program: a planned graph, ready for an executor to compile. Values only.

import type { Graph } from "./graph.js";
import type { RowSpan } from "./row-spans.js";

/** Inputs by name. uint8 for pixels, float32 for everything else, float64 for optimizer settings. */
export type ProgramInputs = Readonly<Record<string, Uint8Array | Float32Array | Float64Array>>;

/** Outputs by name, copies; float64 where the program computes in it (norms), float32 everywhere else. */
export type ProgramOutputs = Record<string, Float32Array | Float64Array>;

/** Where a tensor lies in the program's arena. */
export interface Placement {
  offset: number;
  bytes: number;
}

export interface Program {
  readonly name: string;
  /** The operations that are left, in the order in which they run. */
  readonly graph: Graph;
  /** Consecutive operations that may take some rows through all of them before the next rows. */
  readonly spans: readonly RowSpan[];
  /** Tensor id → place in the arena; tensors of a store have none. */
  readonly placements: ReadonlyMap<number, Placement>;
  /** Bytes of the arena, known before anything is allocated. */
  readonly arenaBytes: number;
}
