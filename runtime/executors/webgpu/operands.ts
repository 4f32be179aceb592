// Operands: the tensors of a program as kernels take them: buffer slices, and sizes along axes.

import { formatBytes } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import type { Program } from "../../graph/program.js";
import { elementCount, type Tensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { Slice } from "./device.js";
import type { MatrixUnits, TileTable } from "./tier.js";

/** Scratch memory, shared by all dispatches of a program: each writes it before it reads it. */
export type Scratch = (bytes: number) => Slice;

/** The buffers of one store, as programs use them. */
export interface StoreBuffers {
  /** From the first value of tensor `first` to the last of `last`, gaps included. Throws `graph/unknown-tensor`. */
  slice(first: string, last: string): Slice;
  /** The tensors from `first` to `last`, in order. */
  tensors(first: string, last: string): Slice[];
  /** The tensor in the store's float16 copy; undefined where the tier keeps none. */
  half(name: string): Slice | undefined;
}

/** Where a program's tensors are, and what the device allows. */
export interface Bindings {
  /** `bytes` of the arena from `offset` on. */
  arena: (offset: number, bytes: number) => Slice;
  /** The program's constants. */
  constants: ReadonlyMap<TensorId, Slice>;
  stores: ReadonlyMap<string, StoreBuffers>;
  /** The largest slice that can be bound, in bytes. */
  maximumBinding: number;
  tiles: TileTable;
  /** Absent on tiers that do not use them. */
  matrix?: MatrixUnits | undefined;
}

export class Operands {
  readonly maximumBinding: number;
  readonly tiles: TileTable;
  readonly matrix: MatrixUnits | undefined;
  /** Stores whose float16 copies the program reads, as far as `factor` was called. */
  readonly halvedStores = new Set<string>();
  readonly #program: Program;
  readonly #bindings: Bindings;

  constructor(program: Program, bindings: Bindings) {
    this.#program = program;
    this.#bindings = bindings;
    this.maximumBinding = bindings.maximumBinding;
    this.tiles = bindings.tiles;
    this.matrix = bindings.matrix;
  }

  tensor(id: TensorId): Tensor {
    return this.#program.graph.tensors[id];
  }

  /** The tensor's slice, however large; a run of a store's tensors includes the gaps between them. */
  slice(id: TensorId): Slice {
    const tensor = this.tensor(id);
    const { origin } = tensor;
    if (origin.kind === "store") return this.#store(origin.store).slice(origin.first, origin.last);
    const constant = this.#bindings.constants.get(id);
    if (constant) return constant;
    const placement = this.#program.placements.get(id);
    if (!placement)
      throw new VitrineError(
        "internal/placement",
        `${this.#program.name}: tensor ${tensor.name} has no place in memory`,
      );
    // Kernels read bytes as words.
    const bytes = Math.ceil(tensorBytes(tensor) / 4) * 4;
    const slice = this.#bindings.arena(placement.offset, bytes);
    return tensor.dtype === "float16" ? { ...slice, half: true } : slice;
  }

  /** The tensors of a run of a store, in order. */
  tensorsOf(id: TensorId): Slice[] {
    const { origin } = this.tensor(id);
    return origin.kind === "store"
      ? this.#store(origin.store).tensors(origin.first, origin.last)
      : [this.slice(id)];
  }

  #store(name: string): StoreBuffers {
    const store = this.#bindings.stores.get(name);
    if (store) return store;
    throw new VitrineError("internal/placement", `${this.#program.name}: store ${name} has no buffers`);
  }

  /**
   * The slice as one binding; undefined = absent. Throws `graph/memory` where the device cannot bind that much at
   * once.
   */
  at(id: TensorId | undefined): Slice | undefined {
    if (id === undefined) return undefined;
    const slice = this.slice(id);
    if (slice.bytes <= this.maximumBinding) return slice;
    const { name } = this.tensor(id);
    throw new VitrineError(
      "graph/memory",
      `${this.#program.name}: tensor ${name} is ${formatBytes(slice.bytes)}, a kernel of this device takes ${formatBytes(this.maximumBinding)}: use a smaller batch (--batch-size)`,
      { details: { bytes: slice.bytes, limitBytes: this.maximumBinding } },
    );
  }

  /**
   * The weight of a product as one binding: the store's float16 copy where the tier keeps one. Throws as `at`.
   */
  factor(id: TensorId): Slice | undefined {
    const { origin } = this.tensor(id);
    if (origin.kind !== "store") return this.at(id);
    const half = this.#store(origin.store).half(origin.first);
    if (!half || half.bytes > this.maximumBinding) return this.at(id);
    this.halvedStores.add(origin.store);
    return half;
  }

  /** Number of values; a run of a store's tensors counts its gaps. */
  count(id: TensorId): number {
    return this.tensor(id).origin.kind === "store"
      ? this.slice(id).bytes / 4
      : elementCount(this.tensor(id).shape);
  }

  /** Size along an axis; negative axes count from the last. */
  axis(id: TensorId, axis: number): number {
    return this.tensor(id).shape.at(axis) as number;
  }

  /** Product of all axes but the last. */
  rows(id: TensorId): number {
    return elementCount(this.tensor(id).shape.slice(0, -1));
  }

  /** Product of all axes but the first. */
  perSample(id: TensorId): number {
    return elementCount(this.tensor(id).shape.slice(1));
  }
}
