// Graph builder: a graph while it is being built, and what operations read and change.

import { VitrineError } from "../errors.js";
import type { Catalog, Operation, OperationType } from "./catalog.js";
import type { Graph } from "./program.js";
import type { ElementType, Origin, Tensor, TensorId } from "./tensor.js";
import { elementCount, formatShape, type Shape } from "./tensor.js";

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

/** A graph while it is being built. Names of inputs and outputs are unique. */
export class GraphBuilder implements Graph {
  readonly name: string;
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

  tensor(id: TensorId): Tensor {
    const tensor = this.tensors[id];
    if (!tensor) throw new VitrineError("graph/unknown-tensor", `${this.name}: there is no tensor ${id}`);
    return tensor;
  }

  shapeOf(id: TensorId): Shape {
    return this.tensor(id).shape;
  }

  /** A tensor that every run is given. */
  input(name: string, shape: Shape, dtype: ElementType = "float32"): TensorId {
    if (this.inputs.has(name))
      throw new VitrineError("graph/name", `${this.name}: two inputs are named ${name}`);
    const id = this.#newTensor(name, shape, dtype, { kind: "input" });
    this.inputs.set(name, id);
    return id;
  }

  /** Values that are part of the graph. */
  constant(name: string, shape: Shape, values: Float32Array): TensorId {
    if (values.length !== elementCount(shape)) {
      throw new VitrineError(
        "graph/shape",
        `${this.name}: constant ${name} has ${values.length} values, shape ${formatShape(shape)} wants ${elementCount(shape)}`,
      );
    }
    return this.#newTensor(name, shape, "float32", { kind: "constant", values });
  }

  /** A tensor of a store, or the run of tensors up to `last`; asking twice gives the same tensor. */
  stored(store: string, name: string, shape: Shape, last = name): TensorId {
    const key = `${store}/${name}…${last}`;
    const known = this.#stored.get(key);
    if (known !== undefined) return known;
    const id = this.#newTensor(name, shape, "float32", { kind: "store", store, first: name, last });
    this.#stored.set(key, id);
    return id;
  }

  /** A tensor that the next operation makes. */
  activation(name: string, shape: Shape, dtype: ElementType = "float32"): TensorId {
    return this.#newTensor(name, shape, dtype, { kind: "activation" });
  }

  /** Marks a tensor as a result of the program. */
  output(name: string, id: TensorId): void {
    if (this.outputs.has(name))
      throw new VitrineError("graph/name", `${this.name}: two outputs are named ${name}`);
    this.outputs.set(name, this.tensor(id).id);
  }

  /** Appends an operation; its operands' shapes are the business of the functions in operations/. */
  add<T extends OperationType>(
    type: T,
    operands: Pick<Catalog[T], "reads" | "writes"> & Partial<Pick<Catalog[T], "adds" | "attributes">>,
  ): void {
    const { reads, writes, adds = {}, attributes = {} } = operands;
    // Of the union's members the one of this type; TypeScript does not follow a type parameter so far.
    this.operations.push({ type, reads, writes, adds, attributes } as unknown as Operation);
  }
}
