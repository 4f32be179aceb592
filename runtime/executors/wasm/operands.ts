// Operands: the addresses of a program's tensors in linear memory, and their sizes.

import type { TensorSizes } from "../../../assembly/nn/generated/instructions.js";
import type { Int8Form } from "../../../assembly/nn/linear-forms.js";
import { VitrineError } from "../../errors.js";
import type { Program } from "../../graph/program.js";
import type { Tensor, TensorId } from "../../graph/tensor.js";
import { elementCount } from "../../graph/tensor.js";
import type { ProgramStores } from "../device-store.js";
import { WasmInt8Store } from "./int8-store.js";
import type { PackedWeight, PackedWeights } from "./packed-weights.js";
import { type Run, WasmStore } from "./store.js";

export class Operands implements TensorSizes {
  readonly #program: Program;
  readonly #stores: ProgramStores;
  readonly #arena: number;
  readonly #packed: PackedWeights | undefined;

  /** `arena`: address of the program's arena; `packed`: weights whose panels are kept. */
  constructor(program: Program, stores: ProgramStores, arena: number, packed?: PackedWeights) {
    this.#program = program;
    this.#stores = stores;
    this.#arena = arena;
    this.#packed = packed;
  }

  tensor(id: TensorId): Tensor {
    return this.#program.graph.tensors[id];
  }

  /** Address and number of values; a run of a store counts the gaps between its tensors. */
  place(id: TensorId): Run {
    const tensor = this.tensor(id);
    if (tensor.origin.kind === "store") return this.#stored(tensor.origin, elementCount(tensor.shape));
    const placement = this.#program.placements.get(id);
    if (!placement)
      throw new VitrineError(
        "internal/placement",
        `${this.#program.name}: tensor ${tensor.name} has no place`,
      );
    return { address: this.#arena + placement.offset, count: elementCount(tensor.shape) };
  }

  /** `count`: values of a tensor that is not a run of several. */
  #stored(origin: { store: string; first: string; last: string }, count: number): Run {
    const store = this.#stores.get(origin.store);
    if (!store) {
      throw new VitrineError(
        "graph/unknown-store",
        `${this.#program.name}: store ${origin.store} was not given: pass it to compile()`,
        {
          details: { store: origin.store },
        },
      );
    }
    if (store instanceof WasmInt8Store) return { address: store.addressOf(origin.first), count };
    if (!(store instanceof WasmStore)) {
      throw new VitrineError(
        "graph/unknown-store",
        `${this.#program.name}: store ${origin.store} belongs to another executor: create it on this one`,
      );
    }
    return store.run(origin.first, origin.last);
  }

  /** The tensors of a run of a store, in order. */
  tensorsOf(id: TensorId): Run[] {
    const { origin } = this.tensor(id);
    const store = origin.kind === "store" ? this.#stores.get(origin.store) : undefined;
    if (origin.kind !== "store" || !(store instanceof WasmStore)) return [this.place(id)];
    return store.tensors(origin.first, origin.last);
  }

  /** Form of the product with this matrix. */
  int8Form(id: TensorId): Int8Form {
    const { name, origin } = this.tensor(id);
    const store = origin.kind === "store" ? this.#stores.get(origin.store) : undefined;
    if (store instanceof WasmInt8Store) return store.form;
    throw new VitrineError(
      "graph/unknown-store",
      `${this.#program.name}: ${name} is in no int8 store: pass one to compile()`,
    );
  }

  /** Unsigned address; undefined = absent. */
  address(id: TensorId): number;
  address(id: TensorId | undefined): number | undefined;
  address(id: TensorId | undefined): number | undefined {
    return id === undefined ? undefined : this.place(id).address;
  }

  /** The panels of a weight, where they are kept. */
  packed(weight: TensorId): PackedWeight | undefined {
    return this.#packed?.of(weight);
  }

  /** Number of values. */
  count(id: TensorId): number {
    return this.place(id).count;
  }

  /** Size along an axis; negative axes count from the last. */
  axis(id: TensorId, axis: number): number {
    return this.tensor(id).shape.at(axis) as number;
  }

  /** Product of the axes from `first` to before `end`. */
  product(id: TensorId, first: number, end?: number): number {
    return elementCount(this.tensor(id).shape.slice(first, end));
  }
}
