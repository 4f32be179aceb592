// Operands: the tensors of a program while it runs. Results replace what was there; stores outlive the run.

import { VitrineError } from "../../errors.js";
import type { Program } from "../../graph/program.js";
import { elementCount, type Shape } from "../../graph/shape.js";
import type { Tensor as GraphTensor, TensorId } from "../../graph/tensor.js";
import type { Store } from "../executor.js";
import { TfjsStore } from "./store.js";
import type { Tensor, Tfjs } from "./tfjs.js";

/** One tfjs tensor of a run. */
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
    return this.#program.graph.tensors[id] as GraphTensor;
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

  /** A number that operations of every run use again. */
  scalar(value: number): Tensor {
    return this.#scalars.get(value);
  }

  /** The values in the graph's shape, or in another one. */
  get(id: TensorId, shape: Shape = this.shape(id)): Tensor {
    const { origin, name } = this.tensor(id);
    const found =
      origin.kind === "store"
        ? this.store(id).get(origin.first)
        : (this.#tensors.get(id) as Tensor | undefined);
    if (!found)
      throw new VitrineError("internal/placement", `${this.#program.name}: tensor ${name} has no values yet`);
    return this.tf.reshape(found, shape);
  }

  /** [rows, values of the last axis]. */
  matrix(id: TensorId): Tensor {
    return this.get(id, [this.rows(id), this.axis(id, -1)]);
  }

  /** A float64 input, which the host has: tfjs knows float32 only. */
  doubles(id: TensorId): Float64Array {
    return this.#doubles.get(id) as Float64Array;
  }

  giveDoubles(id: TensorId, values: Float64Array): void {
    this.#doubles.set(id, values);
  }

  /** Puts the result in place of what was there. Any shape with as many values. */
  set(id: TensorId, values: Tensor): void {
    const { origin } = this.tensor(id);
    if (origin.kind === "store") {
      this.store(id).set(origin.first, values);
      return;
    }
    this.release(id);
    // A clone, which shares the values: an operation may give back a tensor that stands in another place too.
    this.#tensors.set(id, this.tf.keep(this.tf.clone(values)));
  }

  /** What was there, plus `values`. */
  add(id: TensorId, values: Tensor): void {
    const { shape } = values;
    this.set(id, this.tf.add(this.get(id, shape), values));
  }

  /**
   * The tensors that one of the graph stands for: mostly itself, else those of a run of a store, each in one
   * dimension.
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
    const reason = store ? "is another executor's" : "was not given";
    throw new VitrineError("graph/unknown-store", `${this.#program.name}: store ${name} ${reason}`, {
      details: { store: name },
    });
  }

  release(id: TensorId): void {
    this.#tensors.get(id)?.dispose();
    this.#tensors.delete(id);
  }

  /** Takes the values out of the run: the caller disposes of them. */
  take(id: TensorId): Tensor {
    return this.tf.keep(this.get(id));
  }

  releaseAll(): void {
    for (const id of [...this.#tensors.keys()]) this.release(id);
    this.#doubles.clear();
  }
}

// Scalars: numbers that operations need again and again, as tensors that are made once.

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
