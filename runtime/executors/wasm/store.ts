// Store: named float32 tensors, one behind the other in linear memory, so that a run of them is one operand.

import { VitrineError } from "../../errors.js";
import type { Store, StoreLayout } from "../executor.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import type { Turns } from "./turns.js";

/** Kernels want addresses at multiples of 16; the values between two tensors are zero and stay so. */
const TENSOR_ALIGNMENT = 16;

/** Address and number of float32 values. */
export interface Run {
  address: number;
  count: number;
}

export class WasmStore implements Store {
  readonly #memory: LinearMemory;
  readonly #turns: Turns;
  readonly #offsets = new Map<string, { offset: number; count: number }>();
  #piece: Piece | undefined;
  readonly bytes: number;

  constructor(memory: LinearMemory, turns: Turns, layout: StoreLayout) {
    this.#memory = memory;
    this.#turns = turns;
    let offset = 0;
    for (const [name, count] of layout) {
      this.#offsets.set(name, { offset, count });
      offset += Math.ceil((count * 4) / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT;
    }
    this.bytes = offset;
    this.#piece = memory.allocate(offset, `a store of ${layout.size} tensors`);
  }

  #place(name: string): Run {
    if (!this.#piece)
      throw new VitrineError("graph/disposed", `store: tensor ${name} is asked for after dispose()`);
    const place = this.#offsets.get(name);
    if (!place) {
      throw new VitrineError(
        "graph/unknown-tensor",
        `store: there is no tensor ${name} among ${this.#offsets.size}`,
        {
          details: { name },
        },
      );
    }
    return { address: this.#piece.address + place.offset, count: place.count };
  }

  /** From the first value of `first` to the last of `last`, gaps included. Throws `graph/unknown-tensor`. */
  run(first: string, last: string): Run {
    const from = this.#place(first);
    const to = this.#place(last);
    const count = (to.address - from.address) / 4 + to.count;
    if (count < from.count)
      throw new VitrineError("graph/unknown-tensor", `store: tensor ${last} lies before ${first}`);
    return { address: from.address, count };
  }

  /** Not while a program that uses the store runs. */
  write(name: string, values: Float32Array): void {
    const { address, count } = this.#place(name);
    if (values.length !== count) {
      throw new VitrineError(
        "graph/shape",
        `store: tensor ${name} holds ${count} values, got ${values.length}`,
        {
          details: { name, wanted: count, got: values.length },
        },
      );
    }
    this.#memory.floats(address, count).set(values);
  }

  /** Between runs, never in the middle of one. */
  read(name: string): Promise<Float32Array> {
    return this.#turns.take(async () => {
      const { address, count } = this.#place(name);
      return this.#memory.floats(address, count).slice();
    });
  }

  dispose(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece) this.#turns.afterwards(() => this.#memory.release(piece));
  }
}
