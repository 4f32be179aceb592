// Packed weights: the linear layers of a program with frozen weights, each with panels that are made once.

import type { Program } from "../../graph/program.js";
import type { TensorId } from "../../graph/tensor.js";
import type { ProgramStores } from "../device-store.js";
import { type Panels, WasmStore } from "./store.js";

/** assembly/nn/packed-weight.ts pads the last panel to a multiple of this. */
const COLUMNS_UNIT = 8;

export interface PackedWeight {
  /** Address of the weight [outputs, inputs]. */
  weight: number;
  panels: { address: number };
  inputs: number;
  outputs: number;
}

interface Entry extends PackedWeight {
  store: WasmStore;
  kept: Panels;
}

export class PackedWeights {
  readonly #entries = new Map<TensorId, Entry>();

  /** Allocates panels for every weight for which there is memory. */
  constructor(program: Program, stores: ProgramStores) {
    for (const operation of program.graph.operations) {
      if (operation.type !== "linear" || this.#entries.has(operation.reads.weight)) continue;
      const tensor = program.graph.tensors[operation.reads.weight];
      if (tensor?.origin.kind !== "store") continue;
      const store = stores.get(tensor.origin.store);
      if (!(store instanceof WasmStore)) continue;
      const [outputs, inputs] = tensor.shape as [number, number];
      const bytes = 4 * inputs * Math.ceil(outputs / COLUMNS_UNIT) * COLUMNS_UNIT;
      const { first, last } = tensor.origin;
      const kept = store.panels(first, bytes);
      if (!kept) continue;
      const weight = store.run(first, last).address;
      this.#entries.set(tensor.id, { weight, panels: kept.piece, inputs, outputs, store, kept });
    }
  }

  of(weight: TensorId): PackedWeight | undefined {
    return this.#entries.get(weight);
  }

  get all(): readonly PackedWeight[] {
    return [...this.#entries.values()];
  }

  get areStale(): boolean {
    for (const { store, kept } of this.#entries.values()) if (kept.version !== store.version) return true;
    return false;
  }

  /** Call after the panels were packed from the current values of the stores. */
  made(): void {
    for (const { store, kept } of this.#entries.values()) kept.version = store.version;
  }
}
