// Program: graphs, plans and what planner and executors agree on. Values only.

import type { Operation } from "./catalog.js";
import type { Tensor, TensorId } from "./tensor.js";

/** Tensors and the operations between them, in an order in which they can run. */
export interface Graph {
  readonly name: string;
  readonly tensors: readonly Tensor[];
  /** No operation reads a tensor that a later one writes. */
  readonly operations: readonly Operation[];
  readonly inputs: ReadonlyMap<string, TensorId>;
  readonly outputs: ReadonlyMap<string, TensorId>;
}

/** Operations `first` … `end` − 1 of a graph. */
export interface Segment {
  first: number;
  end: number;
}

/** Inputs by name. uint8 for pixels, float32 for everything else, float64 for optimizer settings. */
export type ProgramInputs = Readonly<Record<string, Uint8Array | Float32Array | Float64Array>>;

/** Outputs by name, copies; float64 where the program computes in it (norms), float32 everywhere else. */
export type ProgramOutputs = Record<string, Float32Array | Float64Array>;

/** Place of a tensor in the program's arena. */
export interface Placement {
  /** Bytes from the start of the arena. */
  offset: number;
  bytes: number;
}

/**
 * A planned graph: which operations run, in which order, and where each tensor is in memory. Plain values, which an
 * executor compiles.
 */
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

/** Operations `first` … `last` of a program, both included, over `rows` rows. */
export interface RowSpan {
  first: number;
  last: number;
  rows: number;
}

/** What the planner must know of an executor. */
export interface PlanOptions {
  /** Combinations of operations for which the executor has one kernel. */
  readonly fuses: ReadonlySet<FusionName>;
  /** Every tensor's offset is a multiple of this. */
  readonly alignmentBytes: number;
  /** Largest arena in bytes. */
  readonly limitBytes: number;
  /**
   * Largest buffer, a multiple of the alignment: the arena is as many of them as needed, and no tensor crosses from
   * one to the next. Absent: the arena is one piece.
   */
  readonly bufferBytes?: number;
  /**
   * Whether programs without gradients keep rows together (row-spans.ts): all tensors of a span are then live at
   * once.
   */
  readonly rowSpans?: boolean;
  /** Whether activations are float16 where their operations allow it (facts.ts). Absent: all are float32. */
  readonly halfActivations?: boolean;
}

/**
 * Operations that an executor may have one kernel for. `linear-scaled-residual` is `linear-residual` with stochastic
 * depth; `linear-relu` and `conv-relu` clamp a result at 0, after a residual too; `norm-linear` takes the layer norm
 * into the products that read it; `gelu-gradient` takes GELU's slope, and `scaled-gradient` stochastic depth, into
 * the products of the backward pass; `loss-gradient` is a loss with its gradient.
 */
export type FusionName =
  | "linear-gelu"
  | "linear-residual"
  | "linear-scaled-residual"
  | "linear-relu"
  | "conv-relu"
  | "norm-linear"
  | "gelu-gradient"
  | "scaled-gradient"
  | "loss-gradient";
