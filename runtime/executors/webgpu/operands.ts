// Operands: where the tensors of a program lie, and their sizes as kernels want them.

import { formatBytes } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import { tensorsChanged } from "../../graph/graph.js";
import type { Program } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import { type Tensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { Store } from "../executor.js";
import type { Arena } from "./arena.js";
import type { Slice } from "./device.js";
import type { TileTable } from "./product-tile.js";
import type { HalfCopy } from "./store.js";
import { WebgpuStore } from "./store.js";
import type { MatrixUnits } from "./tier.js";

/** Buffers that a program works in besides the stores. */
export interface Surroundings {
  arena: Arena;
  /** The program's own constants. */
  constants: ReadonlyMap<TensorId, Slice>;
  stores: ReadonlyMap<string, Store>;
  /** Largest piece that a kernel may be given. */
  maximumBinding: number;
  /** The tiles that suit the device. */
  tiles: TileTable;
  /** Absent on tiers that do not use them. */
  matrix?: MatrixUnits | undefined;
}

export class Operands {
  readonly maximumBinding: number;
  readonly tiles: TileTable;
  readonly matrix: MatrixUnits | undefined;
  readonly #program: Program;
  readonly #around: Surroundings;
  readonly #halved = new Set<WebgpuStore>();

  constructor(program: Program, around: Surroundings) {
    this.#program = program;
    this.#around = around;
    this.maximumBinding = around.maximumBinding;
    this.tiles = around.tiles;
    this.matrix = around.matrix;
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
    const place = this.#around.arena.slice(placement.offset, bytes);
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

  /**
   * A factor of products, as one binding: of a store its copy in float16, where the tier keeps one. Throws as `at`.
   */
  factor(id: TensorId): Slice | undefined {
    const { origin } = this.tensor(id);
    if (origin.kind !== "store") return this.at(id);
    const store = this.#store(origin.store);
    const half = store.half(origin.first);
    if (!half || half.bytes > this.maximumBinding) return this.at(id);
    this.#halved.add(store);
    return half;
  }

  /** Copies that the program reads, as far as `factor` was asked. */
  get halfCopies(): HalfCopy[] {
    return [...this.#halved].flatMap(({ halves }) => halves ?? []);
  }

  /** Stores that the program changes. */
  get changedStores(): WebgpuStore[] {
    const { tensors, operations } = this.#program.graph;
    const origins = operations.flatMap(tensorsChanged).map((id) => tensors[id]?.origin);
    const names = new Set(origins.flatMap((origin) => (origin?.kind === "store" ? [origin.store] : [])));
    return [...names].map((name) => this.#store(name));
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
