// Gradient sweep: what an operation's gradient rule may ask and say while autodiff walks the graph backwards.

import type { OperationOf, OperationType } from "./catalog.js";
import type { GraphBuilder } from "./graph.js";
import type { TensorId } from "./tensor.js";

export interface GradientSweep {
  /** Backward operations are appended here. */
  readonly graph: GraphBuilder;
  /** True where the loss depends on parameters through this tensor. */
  wants(tensor: TensorId): boolean;
  /** The complete gradient of a tensor that the rule's operation made; undefined where the loss ignores it. */
  gradientOf(tensor: TensorId): TensorId | undefined;
  /** Adds a tensor of `tensor`'s shape to its gradient. */
  contribute(tensor: TensorId, gradient: TensorId): void;
  /**
   * The sum of the contributions so far, which the caller takes over: it must contribute a tensor that includes it.
   * Undefined where there is none, and for parameters, whose gradients are summed in their store.
   */
  takePartial(tensor: TensorId): TensorId | undefined;
  /**
   * A buffer that an operation adds the gradient of `tensor` to: a parameter's place in the store of gradients, or
   * a cleared tensor. Nothing is left to contribute.
   */
  accumulator(tensor: TensorId): TensorId;
}

/** Appends the operations that give the gradients of what `operation` reads, from those of what it writes. */
export type GradientRule<T extends OperationType> = (sweep: GradientSweep, operation: OperationOf<T>) => void;
