// Operands: where the tensors of a program lie, and their sizes as kernels want them.

import { VitrineError } from "../../errors.js";
import { formatBytes } from "../../graph/planner.js";
import type { Program } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import { type Tensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { Store } from "../executor.js";
import type { Slice } from "./buffers.js";
import { WebgpuStore } from "./store.js";
import type { TileTable } from "./tiles.js";

/** Buffers that a program works in besides the stores. */
export interface Surroundings {
  arena: GPUBuffer;
  /** The program's own constants. */
  constants: ReadonlyMap<TensorId, Slice>;
  stores: ReadonlyMap<string, Store>;
  /** Largest piece that a kernel may be given. */
  maximumBinding: number;
  /** The tiles that suit the device. */
  tiles: TileTable;
}

export class Operands {
  readonly maximumBinding: number;
  readonly tiles: TileTable;
  readonly #program: Program;
  readonly #around: Surroundings;

  constructor(program: Program, around: Surroundings) {
    this.#program = program;
    this.#around = around;
    this.maximumBinding = around.maximumBinding;
    this.tiles = around.tiles;
  }

  tensor(id: TensorId): Tensor {
    return this.#program.graph.tensors[id] as Tensor;
  }

  /** The tensor's place, however large; a run of a store has the gaps between its tensors. */
  place(id: TensorId): Slice {
    const tensor = this.tensor(id);
    const { origin } = tensor;
    if (origin.kind === "store") return this.#store(origin.store).run(origin.first, origin.last);
    const constant = this.#around.constants.get(id);
    if (constant) return constant;
    const placement = this.#program.placements.get(id);
    if (!placement)
      throw new VitrineError(
        "internal/placement",
        `${this.#program.name}: tensor ${tensor.name} has no place`,
      );
    // Kernels read bytes as words.
    const bytes = Math.ceil(tensorBytes(tensor) / 4) * 4;
    const place = { buffer: this.#around.arena, offset: placement.offset, bytes };
    return tensor.dtype === "float16" ? { ...place, half: true } : place;
  }

  #store(name: string): WebgpuStore {
    const store = this.#around.stores.get(name);
    if (store instanceof WebgpuStore) return store;
    const reason = store ? "is another executor's" : "was not given";
    throw new VitrineError("graph/unknown-store", `${this.#program.name}: store ${name} ${reason}`, {
      details: { store: name },
    });
  }

  /** The place as one binding; undefined = absent. Throws `graph/memory` where the device binds no piece that large. */
  at(id: TensorId | undefined): Slice | undefined {
    if (id === undefined) return undefined;
    const slice = this.place(id);
    if (slice.bytes <= this.maximumBinding) return slice;
    const { name } = this.tensor(id);
    throw new VitrineError(
      "graph/memory",
      `${this.#program.name}: tensor ${name} is ${formatBytes(slice.bytes)}, a kernel of this device takes ${formatBytes(this.maximumBinding)}: take a smaller batch (--batch-size)`,
      { details: { bytes: slice.bytes, limitBytes: this.maximumBinding } },
    );
  }

  /** Number of values; a run of a store counts its gaps. */
  count(id: TensorId): number {
    return this.tensor(id).origin.kind === "store"
      ? this.place(id).bytes / 4
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

  /** Values behind the first axis. */
  perSample(id: TensorId): number {
    return elementCount(this.tensor(id).shape.slice(1));
  }
}
