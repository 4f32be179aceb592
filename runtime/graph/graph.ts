// Graph builder: a graph while it is being built, and what operations read and change.

import { VitrineError } from "../errors.js";
import type { Catalog, Operation, OperationOf, OperationType } from "./catalog.js";
import type { Graph } from "./program.js";
import {
  type ElementType,
  elementCount,
  formatShape,
  type Origin,
  type Shape,
  type Tensor,
  type TensorId,
} from "./tensor.js";

function present(operands: Readonly<Record<string, TensorId | undefined>>): TensorId[] {
  return Object.values(operands).filter((id) => id !== undefined);
}

/** Tensors whose values an operation needs: what it reads and what it adds to. */
export function tensorsRead(operation: Operation): TensorId[] {
  return [...present(operation.reads), ...present(operation.adds)];
}

/** Tensors whose values an operation changes: what it overwrites and what it adds to. */
export function tensorsChanged(operation: Operation): TensorId[] {
  return [...present(operation.writes), ...present(operation.adds)];
}

/**
 * A graph while it is being built. `input`, `constant` and `stored` declare the tensors that come from outside,
 * operations (`linear`, `attention`, …) append what is computed from them, and `output` marks the results. Names of
 * inputs and outputs are unique. A builder is a `Graph`, which `planProgram` takes.
 *
 * ```ts
 * const graph = new GraphBuilder("head");
 * const weight = graph.stored("weights", "head.weight", [10, 192]);
 * graph.output("logits", linear(graph, graph.input("x", [8, 192]), weight, undefined, "head"));
 * const program = planProgram(graph, executor.capabilities);
 * ```
 */
export class GraphBuilder implements Graph {
  /** For error messages. */
  readonly name: string;
  /** By `TensorId`. */
  readonly tensors: Tensor[] = [];
  readonly operations: Operation[] = [];
  readonly inputs = new Map<string, TensorId>();
  readonly outputs = new Map<string, TensorId>();
  readonly #stored = new Map<string, TensorId>();

  constructor(name: string) {
    this.name = name;
  }

  #newTensor(name: string, shape: Shape, dtype: ElementType, origin: Origin): TensorId {
    if (shape.some((size) => !Number.isSafeInteger(size) || size < 1)) {
      throw new VitrineError(
        "graph/shape",
        `${this.name}: tensor ${name} has shape ${formatShape(shape)}, every axis must be a whole number of at least 1`,
      );
    }
    this.tensors.push({ id: this.tensors.length, name, shape: [...shape], dtype, origin });
    return this.tensors.length - 1;
  }

  /** The tensor of an id. Throws `graph/unknown-tensor`. */
  tensor(id: TensorId): Tensor {
    const tensor = this.tensors[id];
    if (!tensor)
      throw new VitrineError(
        "graph/unknown-tensor",
        `${this.name}: there is no tensor ${id}: use the ids that this graph returned`,
      );
    return tensor;
  }

  /** The shape of a tensor. Throws `graph/unknown-tensor`. */
  shapeOf(id: TensorId): Shape {
    return this.tensor(id).shape;
  }

  /** A tensor that the caller passes to every run. Throws `graph/name`, and `graph/shape` for an axis below 1. */
  input(name: string, shape: Shape, dtype: ElementType = "float32"): TensorId {
    if (this.inputs.has(name))
      throw new VitrineError(
        "graph/name",
        `${this.name}: two inputs are named ${name}: give each its own name`,
      );
    const id = this.#newTensor(name, shape, dtype, { kind: "input" });
    this.inputs.set(name, id);
    return id;
  }

  /** Values that are part of the graph, row-major. Throws `graph/shape` where they do not fill the shape. */
  constant(name: string, shape: Shape, values: Float32Array): TensorId {
    if (values.length !== elementCount(shape)) {
      throw new VitrineError(
        "graph/shape",
        `${this.name}: constant ${name} has ${values.length} values, shape ${formatShape(shape)} needs ${elementCount(shape)}`,
      );
    }
    return this.#newTensor(name, shape, "float32", { kind: "constant", values });
  }

  /**
   * A tensor of a store, or the consecutive tensors from `name` to `last` as one; asking twice gives the same tensor.
   * Throws `graph/shape`.
   */
  stored(store: string, name: string, shape: Shape, last = name): TensorId {
    const key = `${store}/${name}…${last}`;
    const known = this.#stored.get(key);
    if (known !== undefined) return known;
    const id = this.#newTensor(name, shape, "float32", { kind: "store", store, first: name, last });
    this.#stored.set(key, id);
    return id;
  }

  /** A tensor that the next operation writes. Throws `graph/shape`. */
  activation(name: string, shape: Shape, dtype: ElementType = "float32"): TensorId {
    return this.#newTensor(name, shape, dtype, { kind: "activation" });
  }

  /** Marks a tensor as a result of the program. Throws `graph/name` and `graph/unknown-tensor`. */
  output(name: string, id: TensorId): void {
    if (this.outputs.has(name))
      throw new VitrineError(
        "graph/name",
        `${this.name}: two outputs are named ${name}: give each its own name`,
      );
    this.outputs.set(name, this.tensor(id).id);
  }

  /** Appends an operation; its operands' shapes are the responsibility of the functions in operations/. */
  add<T extends OperationType>(
    type: T,
    operands: Pick<Catalog[T], "reads" | "writes"> & Partial<Pick<Catalog[T], "adds" | "attributes">>,
  ): void {
    const { reads, writes, adds = {}, attributes = {} } = operands;
    // The member of the union with this type; TypeScript cannot see that through the type parameter.
    this.operations.push({ type, reads, writes, adds, attributes } as unknown as Operation);
  }
}

// Gradient sweep: the interface between autodiff and an operation's gradient rule.

export interface GradientSweep {
  /** Backward operations are appended here. */
  readonly graph: GraphBuilder;
  /** True where the loss depends on parameters through this tensor. */
  wants(tensor: TensorId): boolean;
  /** The complete gradient of a result of the rule's operation; undefined where the loss does not depend on it. */
  gradientOf(tensor: TensorId): TensorId | undefined;
  /** Adds a tensor of `tensor`'s shape to its gradient. */
  contribute(tensor: TensorId, gradient: TensorId): void;
  /**
   * Removes and returns the sum of the contributions so far: the caller must contribute a tensor that includes it.
   * Undefined where there is none, and for parameters, whose gradients are summed in their store.
   */
  takePartial(tensor: TensorId): TensorId | undefined;
  /**
   * A buffer that an operation adds the gradient of `tensor` to: a parameter's place in the store of gradients, or a
   * cleared tensor. Nothing needs to be contributed afterwards.
   */
  accumulator(tensor: TensorId): TensorId;
}

/** Appends the operations that give the gradients of what `operation` reads, from those of what it writes. */
export type GradientRule<T extends OperationType> = (sweep: GradientSweep, operation: OperationOf<T>) => void;
