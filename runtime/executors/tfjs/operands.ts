// Operands: the tensors of a program during a run. A result replaces the previous tensor; stores outlive the run.

import { VitrineError } from "../../errors.js";
import type { Program } from "../../graph/program.js";
import type { Tensor as GraphTensor, TensorId } from "../../graph/tensor.js";
import { elementCount, type Shape } from "../../graph/tensor.js";
import type { Store } from "../device-store.js";
import { TfjsStore } from "./store.js";
import type { Tensor, Tfjs } from "./tfjs.js";

/** One tfjs tensor of a run of a store's tensors. */
export interface Piece {
  readonly count: number;
  get(): Tensor;
  set(values: Tensor): void;
}

export class Operands {
  readonly tf: Tfjs;
  readonly #program: Program;
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #scalars: Scalars;
  readonly #tensors = new Map<TensorId, Tensor>();
  readonly #doubles = new Map<TensorId, Float64Array>();

  constructor(tf: Tfjs, program: Program, stores: ReadonlyMap<string, Store>, scalars: Scalars) {
    this.tf = tf;
    this.#program = program;
    this.#stores = stores;
    this.#scalars = scalars;
  }

  tensor(id: TensorId): GraphTensor {
    return this.#program.graph.tensors[id];
  }

  shape(id: TensorId): Shape {
    return this.tensor(id).shape;
  }

  /** Size along an axis; negative axes count from the last. */
  axis(id: TensorId, axis: number): number {
    return this.shape(id).at(axis) as number;
  }

  /** Product of all axes but the last. */
  rows(id: TensorId): number {
    return elementCount(this.shape(id).slice(0, -1));
  }

  /** A constant as a tensor, kept for later runs. */
  scalar(value: number): Tensor {
    return this.#scalars.get(value);
  }

  /** The values in the graph's shape or in `shape`. */
  get(id: TensorId, shape: Shape = this.shape(id)): Tensor {
    const { origin, name } = this.tensor(id);
    const found = origin.kind === "store" ? this.store(id).get(origin.first) : this.#tensors.get(id);
    if (!found)
      throw new VitrineError("internal/placement", `${this.#program.name}: tensor ${name} has no values yet`);
    return this.tf.reshape(found, shape);
  }

  /** [rows, values of the last axis]. */
  matrix(id: TensorId): Tensor {
    return this.get(id, [this.rows(id), this.axis(id, -1)]);
  }

  /** A float64 input, which stays on the host: tfjs has only float32. */
  doubles(id: TensorId): Float64Array {
    return this.#doubles.get(id) as Float64Array;
  }

  giveDoubles(id: TensorId, values: Float64Array): void {
    this.#doubles.set(id, values);
  }

  /** Replaces the tensor. `values` may have any shape with as many values. */
  set(id: TensorId, values: Tensor): void {
    const { origin } = this.tensor(id);
    if (origin.kind === "store") {
      this.store(id).set(origin.first, values);
      return;
    }
    this.release(id);
    // A clone, which shares the values: an operation may return a tensor that is also stored under another id.
    this.#tensors.set(id, this.tf.keep(this.tf.clone(values)));
  }

  /** Adds `values` to the tensor. */
  add(id: TensorId, values: Tensor): void {
    const { shape } = values;
    this.set(id, this.tf.add(this.get(id, shape), values));
  }

  /**
   * The tfjs tensors of a graph tensor: one, or for a run of a store's tensors all of them, each one-dimensional.
   */
  pieces(id: TensorId): Piece[] {
    const { origin, shape } = this.tensor(id);
    if (origin.kind !== "store")
      return [{ count: elementCount(shape), get: () => this.get(id), set: (values) => this.set(id, values) }];
    const store = this.store(id);
    return store.names(origin.first, origin.last).map((name) => ({
      count: elementCount(store.get(name).shape),
      get: () => store.get(name),
      set: (values) => store.set(name, values),
    }));
  }

  /** The store of a stored tensor. Throws `graph/unknown-store`. */
  store(id: TensorId): TfjsStore {
    const { origin } = this.tensor(id);
    const name = origin.kind === "store" ? origin.store : "";
    const store = this.#stores.get(name);
    if (store instanceof TfjsStore) return store;
    const reason = store ? "belongs to another executor" : "is missing";
    throw new VitrineError("graph/unknown-store", `${this.#program.name}: store ${name} ${reason}`, {
      details: { store: name },
    });
  }

  release(id: TensorId): void {
    this.#tensors.get(id)?.dispose();
    this.#tensors.delete(id);
  }

  /** Removes the tensor from the run: the caller disposes of it. */
  take(id: TensorId): Tensor {
    return this.tf.keep(this.get(id));
  }

  releaseAll(): void {
    for (const id of [...this.#tensors.keys()]) this.release(id);
    this.#doubles.clear();
  }
}

/** Sums of squares below it are finite; GPUs need not compare with infinity correctly. */
export const LARGEST_FINITE = 3.4e38;

/** Constants of the operations as tensors, each made once. */
export class Scalars {
  readonly #tf: Tfjs;
  readonly #tensors = new Map<number, Tensor>();

  constructor(tf: Tfjs) {
    this.#tf = tf;
  }

  get(value: number): Tensor {
    const known = this.#tensors.get(value);
    if (known) return known;
    const made = this.#tf.keep(this.#tf.scalar(value));
    this.#tensors.set(value, made);
    return made;
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}
