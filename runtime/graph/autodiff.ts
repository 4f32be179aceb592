// Autodiff: the reverse sweep. Appends to a graph the operations that add the loss's gradients to their store.

import { VitrineError } from "../errors.js";
import type { Operation } from "./catalog.js";
import type { GradientSweep } from "./graph.js";
import { type GraphBuilder, tensorsChanged, tensorsRead } from "./graph.js";
import { GRADIENT_RULES } from "./operations/gradient-rules.js";
import { fill } from "./operations/optimizer.js";
import { scaledSum } from "./operations/sums.js";
import type { Segment } from "./program.js";
import { repeatSegment } from "./recompute.js";
import type { TensorId } from "./tensor.js";
import { elementCount } from "./tensor.js";

/** What the loss is differentiated with respect to, and where the gradients go. */
export interface DifferentiateOptions {
  /** Store whose tensors are differentiated. */
  parameters: string;
  /** Names of tensors of that store without a gradient. */
  frozen?: ReadonlySet<string>;
  /** Store with the same names, where the gradients are added up. */
  gradients: string;
  /** Gradient of the loss with respect to itself [1]; absent = 1. Every gradient is multiplied by it. */
  seed?: TensorId;
  /** Segments, in order and disjoint, whose tensors are recomputed for the gradients instead of being kept. */
  recompute?: readonly Segment[];
}

/**
 * Appends the gradients of `loss` [1] with respect to every parameter the graph reads, by reverse-mode
 * differentiation. Gradients of activations are tensors of their own, written once; those of parameters are added to
 * their place in the store of gradients, which is not cleared first.
 *
 * Throws `graph/shape` where the loss has more than one value, `graph/no-gradient` where it depends on no parameter
 * or reaches one through an operation without a rule, and `graph/recompute` for a segment that cannot be computed
 * twice.
 */
export function differentiate(graph: GraphBuilder, loss: TensorId, options: DifferentiateOptions): void {
  if (elementCount(graph.shapeOf(loss)) !== 1)
    throw new VitrineError(
      "graph/shape",
      `${graph.name}: a loss has one value, ${graph.tensor(loss).name} has ${elementCount(graph.shapeOf(loss))}: reduce it, for example with dot()`,
    );
  const forward = [...graph.operations];
  const sweep = new ReverseSweep(graph, forward, options);
  if (!sweep.wants(loss))
    throw new VitrineError(
      "graph/no-gradient",
      `${graph.name}: the loss depends on no tensor of store ${options.parameters}: read the parameters with graph.stored()`,
    );
  sweep.contribute(loss, options.seed ?? one(graph, loss));
  let end = forward.length;
  for (const segment of [...(options.recompute ?? [])].reverse()) {
    applyRules(sweep, forward.slice(segment.end, end));
    applyRules(sweep, sweep.repeat(forward.slice(segment.first, segment.end)));
    end = segment.first;
  }
  applyRules(sweep, forward.slice(0, end));
}

function one(graph: GraphBuilder, loss: TensorId): TensorId {
  const seed = graph.activation("d loss", graph.shapeOf(loss));
  fill(graph, seed, 1);
  return seed;
}

/** From the last operation to the first. */
function applyRules(sweep: ReverseSweep, operations: readonly Operation[]): void {
  for (const operation of [...operations].reverse()) applyRule(sweep, operation);
}

function applyRule(sweep: ReverseSweep, operation: Operation): void {
  const reached = tensorsChanged(operation).some((id) => sweep.gradientOf(id) !== undefined);
  if (!reached || !tensorsRead(operation).some((id) => sweep.wants(id))) return;
  // The table pairs every type with the rule of that type; TypeScript cannot see it through the union.
  const rule = GRADIENT_RULES[operation.type] as
    | ((sweep: GradientSweep, operation: Operation) => void)
    | undefined;
  if (!rule)
    throw new VitrineError(
      "graph/no-gradient",
      `${sweep.graph.name}: operation ${operation.type} has no gradient: add a rule to graph/operations/gradient-rules.ts`,
    );
  rule(sweep, operation);
}

class ReverseSweep implements GradientSweep {
  readonly graph: GraphBuilder;
  readonly #options: DifferentiateOptions;
  readonly #wanted: Set<TensorId>;
  readonly #gradients = new Map<TensorId, TensorId>();

  constructor(graph: GraphBuilder, forward: readonly Operation[], options: DifferentiateOptions) {
    this.graph = graph;
    this.#options = options;
    this.#wanted = new Set(graph.tensors.filter(({ id }) => this.#isParameter(id)).map(({ id }) => id));
    for (const operation of forward) {
      if (!tensorsRead(operation).some((id) => this.#wanted.has(id))) continue;
      for (const id of tensorsChanged(operation)) this.#wanted.add(id);
    }
  }

  #isParameter(id: TensorId): boolean {
    const { origin } = this.graph.tensor(id);
    const { parameters, frozen } = this.#options;
    return origin.kind === "store" && origin.store === parameters && !frozen?.has(origin.first);
  }

  /** The parameter's place in the store of gradients. */
  #stored(id: TensorId): TensorId {
    const { name, shape } = this.graph.tensor(id);
    return this.graph.stored(this.#options.gradients, name, shape);
  }

  /** Repeats a segment; the gradients of its tensors go to the copies. */
  repeat(segment: readonly Operation[]): readonly Operation[] {
    const { operations, copies } = repeatSegment(this.graph, segment);
    for (const [tensor, copy] of copies) {
      if (this.#wanted.has(tensor)) this.#wanted.add(copy);
      const gradient = this.takePartial(tensor);
      if (gradient !== undefined) this.#gradients.set(copy, gradient);
    }
    return operations;
  }

  wants(tensor: TensorId): boolean {
    return this.#wanted.has(tensor);
  }

  gradientOf(tensor: TensorId): TensorId | undefined {
    return this.#gradients.get(tensor);
  }

  contribute(tensor: TensorId, gradient: TensorId): void {
    if (this.#isParameter(tensor)) {
      this.graph.add("accumulate", {
        reads: { values: gradient },
        writes: {},
        adds: { sum: this.#stored(tensor) },
      });
      return;
    }
    const partial = this.#gradients.get(tensor);
    const name = `d ${this.graph.tensor(tensor).name}`;
    const sum =
      partial === undefined
        ? gradient
        : scaledSum(this.graph, partial, gradient, { alpha: 1, beta: 1 }, name);
    this.#gradients.set(tensor, sum);
  }

  takePartial(tensor: TensorId): TensorId | undefined {
    if (this.#isParameter(tensor)) return undefined;
    const partial = this.#gradients.get(tensor);
    this.#gradients.delete(tensor);
    return partial;
  }

  accumulator(tensor: TensorId): TensorId {
    if (this.#isParameter(tensor)) return this.#stored(tensor);
    const name = `d ${this.graph.tensor(tensor).name}`;
    const partial = this.takePartial(tensor);
    if (partial !== undefined) {
      // Copied, since the sum so far may be another tensor's gradient as well.
      const copy = scaledSum(this.graph, partial, partial, { alpha: 1, beta: 0 }, name);
      this.#gradients.set(tensor, copy);
      return copy;
    }
    const cleared = this.graph.activation(name, this.graph.shapeOf(tensor));
    fill(this.graph, cleared, 0);
    if (this.wants(tensor)) this.#gradients.set(tensor, cleared);
    return cleared;
  }
}
