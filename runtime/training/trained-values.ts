// Trained values: a store's values of the parameters that are trained as one array on the host, for sums over micro-batches
// and over several processes.

import { VitrineError } from "../errors.js";
import type { Store, StoreLayout } from "../executors/device-store.js";

/** The values of the parameters that are trained, in a store that has the layout of the weights; frozen ones stay out. */
export class TrainedValues {
  /** Values of all of them. */
  readonly count: number;
  readonly #store: Store;
  readonly #places: readonly { name: string; start: number; end: number }[];
  #zeros: Float32Array | undefined;

  /** `trained`: their names in the order of the array; `layout` has the length of each. */
  constructor(store: Store, layout: StoreLayout, trained: readonly string[]) {
    this.#store = store;
    let end = 0;
    this.#places = trained.map((name) => {
      const start = end;
      end += layout.get(name) ?? 0;
      return { name, start, end };
    });
    this.count = end;
  }

  /** Where the tensor at this place ends. */
  endOf(place: number): number {
    return this.#places[place].end;
  }

  /** Copies the tensors from the `first` to before the `end`-th, which a running program has written, to `into`. */
  peek(into: Float32Array, first: number, end: number): void {
    for (const { name, start } of this.#places.slice(first, end)) {
      const values = this.#store.peek?.(name);
      if (values) into.set(values, start);
    }
  }

  clear(): void {
    this.#zeros ??= new Float32Array(Math.max(0, ...this.#places.map(({ start, end }) => end - start)));
    for (const { name, start, end } of this.#places)
      this.#store.write(name, this.#zeros.subarray(0, end - start));
  }

  /** Copies it to `into` [count], or the tensors from the `first` on. Throws `graph/shape`. */
  async read(into: Float32Array, first = 0): Promise<void> {
    this.#expect(into);
    // All at once: on a GPU each tensor is a transfer that can wait beside the others.
    const places = this.#places.slice(first);
    await Promise.all(places.map(async ({ name, start }) => into.set(await this.#store.read(name), start)));
  }

  /** Replaces it by `values` [count]. Throws `graph/shape`. */
  write(values: Float32Array): void {
    this.#expect(values);
    for (const { name, start, end } of this.#places) this.#store.write(name, values.subarray(start, end));
  }

  #expect({ length }: Float32Array): void {
    if (length === this.count) return;
    throw new VitrineError("graph/shape", `the trained parameters have ${this.count} values, got ${length}`, {
      details: { wanted: this.count, got: length },
    });
  }
}

/**
 * The gradients of micro-batches, each computed from zero and then added, as PyTorch does: so their sum has the same bits
 * whichever processes compute them. The kernels by themselves would go on from the values that are there.
 */
export class GradientSum {
  readonly #store: TrainedValues;
  readonly #sum: Float32Array;
  readonly #piece: Float32Array;

  constructor(store: TrainedValues) {
    this.#store = store;
    this.#sum = new Float32Array(store.count);
    this.#piece = new Float32Array(store.count);
  }

  /** Keeps what was accumulated before. */
  async begin(): Promise<void> {
    await this.#store.read(this.#sum);
    this.#store.clear();
  }

  /** Adds the gradient of the micro-batch that was computed last. */
  async add(): Promise<void> {
    await this.#store.read(this.#piece);
    this.#store.clear();
    for (let at = 0; at < this.#sum.length; at++) this.#sum[at] += this.#piece[at];
  }

  /** Puts the sum in the place of the last gradient. */
  end(): void {
    this.#store.write(this.#sum);
  }
}
