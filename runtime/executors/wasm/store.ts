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

/** A weight as products read it. */
export interface Panels {
  piece: Piece;
  /** Whether they take the place of the weight, and are made from it there. */
  inPlace: boolean;
  /** The version of the weight from which they were made; 0 where they were not. */
  version: number;
}

export class WasmStore implements Store {
  readonly #memory: LinearMemory;
  readonly #mutex: Mutex;
  readonly #offsets = new Map<string, { offset: number; count: number }>();
  #piece: Piece | undefined;
  readonly #ownBytes: number;
  readonly #panels = new Map<string, Panels>();
  readonly #frozen: boolean;
  /** Counts the changes of the values; panels of another version are stale. */
  #version = 1;

  /** `frozen`: only programs with panels use it, so that these may take the place of the weights. */
  constructor(memory: LinearMemory, mutex: Mutex, layout: StoreLayout, frozen = false) {
    this.#memory = memory;
    this.#mutex = mutex;
    this.#frozen = frozen;
    let offset = 0;
    for (const [name, count] of layout) {
      this.#offsets.set(name, { offset, count });
      offset += Math.ceil((count * 4) / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT;
    }
    this.#ownBytes = offset;
    this.#piece = memory.allocate(offset, `a store of ${layout.size} tensors`);
  }

  get bytes(): number {
    return this.#copies().reduce((sum, { bytes }) => sum + bytes, this.#ownBytes);
  }

  /** Panels beside their weights. */
  #copies(): Piece[] {
    return [...this.#panels.values()].filter(({ inPlace }) => !inPlace).map(({ piece }) => piece);
  }

  isStale({ inPlace, version }: Panels): boolean {
    return inPlace ? version === 0 : version !== this.#version;
  }

  /** Call after panels were made. */
  made(panels: Panels): void {
    panels.version = this.#version;
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
    if (known && (known.piece.bytes === bytes || known.piece.bytes === this.#memory.roundUp(bytes)))
      return known;
    if (known || !this.#piece) return undefined;
    const { address, count } = this.#place(name);
    if (this.#frozen && 4 * count === bytes) {
      const made = { piece: { address, bytes }, inPlace: true, version: 0 };
      this.#panels.set(name, made);
      return made;
    }
    try {
      const piece = this.#memory.allocate(bytes, `panels of ${name}`);
      const made = { piece, inPlace: false, version: 0 };
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
    const panels = this.#panels.get(name);
    if (panels) panels.version = 0;
    this.changed();
  }

  /** The tensors from `first` to `last` are wanted as they were written. Throws `graph/unknown-store`. */
  expectWritten(first: string, last: string): void {
    const [from, to] = [this.#place(first).address, this.#place(last).address];
    for (const [name, { inPlace, piece }] of this.#panels)
      if (inPlace && piece.address >= from && piece.address <= to)
        throw new VitrineError(
          "graph/unknown-store",
          `store: tensor ${name} is kept for products only: create the store without frozen, or compile with frozenStores`,
          { details: { name } },
        );
  }

  /** Waits for the current run. Throws `graph/unknown-store` where the tensor is kept for products only. */
  read(name: string): Promise<Float32Array> {
    return this.#mutex.run(async () => {
      this.expectWritten(name, name);
      const { address, count } = this.#place(name);
      return this.#memory.floats(address, count).slice();
    });
  }

  peek(name: string): Float32Array {
    const { address, count } = this.#place(name);
    return this.#memory.floats(address, count);
  }

  dispose(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    const pieces = this.#copies();
    this.#panels.clear();
    if (piece) pieces.push(piece);
    if (pieces.length > 0) {
      this.#mutex.defer(() => {
        for (const each of pieces) this.#memory.release(each);
      });
    }
  }
}
