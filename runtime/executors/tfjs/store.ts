// Store: named float32 tensors, each one tfjs tensor, which a new value replaces.

import { VitrineError } from "../../errors.js";
import type { DeviceArray, Store, StoreLayout } from "../device-store.js";
import type { Backend } from "./backend.js";
import type { Tensor } from "./tfjs.js";
import { readFloats, TensorArray } from "./transfer.js";

export class TfjsStore implements Store {
  readonly bytes: number;
  readonly #backend: Backend;
  readonly #order: readonly string[];
  /** Undefined after dispose(). */
  #tensors: Map<string, Tensor> | undefined;

  /** Initially zeros. */
  constructor(backend: Backend, layout: StoreLayout) {
    this.#backend = backend;
    this.#order = [...layout.keys()];
    const counts = [...layout.values()];
    this.bytes = counts.reduce((sum, count) => sum + 4 * count, 0);
    for (const [name, count] of layout) backend.expectRoom(4 * count, `tensor ${name} of a store`);
    const { tf } = backend;
    this.#tensors = backend.within(
      () => new Map([...layout].map(([name, count]) => [name, tf.keep(tf.zeros([count]))])),
    );
  }

  /** The one-dimensional tensor, which the store owns. Throws `graph/unknown-tensor` and `graph/disposed`. */
  get(name: string): Tensor {
    if (!this.#tensors)
      throw new VitrineError("graph/disposed", `store: tensor ${name} used after dispose()`);
    const found = this.#tensors.get(name);
    if (found) return found;
    throw new VitrineError(
      "graph/unknown-tensor",
      `store: no tensor ${name} among its ${this.#tensors.size} tensors`,
      { details: { name } },
    );
  }

  /** Replaces the tensor; call it inside `Backend.within`. */
  set(name: string, values: Tensor): void {
    const { tf } = this.#backend;
    const old = this.get(name);
    this.#tensors?.set(name, tf.keep(tf.reshape(values, old.shape)));
    old.dispose();
  }

  /** From `first` to `last` in the store's order, both included. Throws `graph/unknown-tensor`. */
  names(first: string, last: string): string[] {
    for (const name of [first, last]) this.get(name);
    const [from, to] = [this.#order.indexOf(first), this.#order.indexOf(last)];
    if (to >= from) return this.#order.slice(from, to + 1);
    throw new VitrineError("graph/unknown-tensor", `store: tensor ${last} comes before ${first}`);
  }

  write(name: string, values: Float32Array): void {
    const count = this.get(name).shape[0];
    if (values.length !== count)
      throw new VitrineError(
        "graph/shape",
        `store: tensor ${name} holds ${count} values, got ${values.length}`,
        { details: { name, wanted: count, got: values.length } },
      );
    const { tf } = this.#backend;
    // A copy, because tfjs keeps the array.
    this.#backend.within(() => tf.tidy(() => this.set(name, tf.tensor(values.slice(), [count]))));
  }

  async read(name: string): Promise<Float32Array> {
    return readFloats(this.#backend, this.#held(name));
  }

  readOnDevice(name: string): DeviceArray {
    return new TensorArray(this.#backend, this.#held(name));
  }

  /** A clone, which shares the values and stays valid where a run replaces the tensor meanwhile. */
  #held(name: string): Tensor {
    const { tf } = this.#backend;
    return this.#backend.within(() => tf.keep(tf.clone(this.get(name))));
  }

  dispose(): void {
    for (const tensor of this.#tensors?.values() ?? []) tensor.dispose();
    this.#tensors = undefined;
  }
}
