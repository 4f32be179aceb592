// Store: named float32 tensors, consecutive in linear memory, so that a run of them is one operand.

import { isVitrineError, VitrineError } from "../../errors.js";
import type { Store, StoreLayout } from "../device-store.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import type { Mutex } from "./mutex.js";

/** Kernels need addresses at multiples of 16; the values between two tensors are zero and stay zero. */
const TENSOR_ALIGNMENT = 16;

/** Address and number of float32 values. */
export interface Run {
  address: number;
  count: number;
}

/** A weight as products read it, and the version of the store from which it was made. */
export interface Panels {
  piece: Piece;
  version: number;
}

export class WasmStore implements Store {
  readonly #memory: LinearMemory;
  readonly #mutex: Mutex;
  readonly #offsets = new Map<string, { offset: number; count: number }>();
  #piece: Piece | undefined;
  readonly #ownBytes: number;
  readonly #panels = new Map<string, Panels>();
  /** Counts the changes of the values; panels of another version are stale. */
  #version = 1;

  constructor(memory: LinearMemory, mutex: Mutex, layout: StoreLayout) {
    this.#memory = memory;
    this.#mutex = mutex;
    let offset = 0;
    for (const [name, count] of layout) {
      this.#offsets.set(name, { offset, count });
      offset += Math.ceil((count * 4) / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT;
    }
    this.#ownBytes = offset;
    this.#piece = memory.allocate(offset, `a store of ${layout.size} tensors`);
  }

  get bytes(): number {
    return [...this.#panels.values()].reduce((sum, { piece }) => sum + piece.bytes, this.#ownBytes);
  }

  get version(): number {
    return this.#version;
  }

  /** Call after a program has changed values. */
  changed(): void {
    this.#version += 1;
  }

  /**
   * Memory for the panels of a tensor, the same for all programs, or undefined where there is none: products then read
   * the tensor itself, which is only slower.
   */
  panels(name: string, bytes: number): Panels | undefined {
    const known = this.#panels.get(name);
    if (known?.piece.bytes === this.#memory.roundUp(bytes)) return known;
    if (known || !this.#piece) return undefined;
    try {
      const made = { piece: this.#memory.allocate(bytes, `panels of ${name}`), version: 0 };
      this.#panels.set(name, made);
      return made;
    } catch (error) {
      if (isVitrineError(error) && error.code === "device/memory") return undefined;
      throw error;
    }
  }

  #place(name: string): Run {
    if (!this.#piece)
      throw new VitrineError("graph/disposed", `store: tensor ${name} is used after dispose()`);
    const place = this.#offsets.get(name);
    if (!place) {
      throw new VitrineError(
        "graph/unknown-tensor",
        `store: there is no tensor ${name} among ${this.#offsets.size}: model and weights do not match`,
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
      throw new VitrineError(
        "graph/unknown-tensor",
        `store: tensor ${last} comes before ${first}: a run must follow the order of the layout`,
      );
    return { address: from.address, count };
  }

  /** The tensors of a run, each without the gap behind it. Throws as `run`. */
  tensors(first: string, last: string): Run[] {
    this.run(first, last);
    const names = [...this.#offsets.keys()];
    return names.slice(names.indexOf(first), names.indexOf(last) + 1).map((name) => this.#place(name));
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
    this.changed();
  }

  /** Waits for the current run. */
  read(name: string): Promise<Float32Array> {
    return this.#mutex.run(async () => {
      const { address, count } = this.#place(name);
      return this.#memory.floats(address, count).slice();
    });
  }

  dispose(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    const pieces = [...this.#panels.values()].map((panels) => panels.piece);
    this.#panels.clear();
    if (piece) pieces.push(piece);
    if (pieces.length > 0) {
      this.#mutex.defer(() => {
        for (const each of pieces) this.#memory.release(each);
      });
    }
  }
}
