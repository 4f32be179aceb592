// Packed weights: the linear layers of a program with frozen weights, each with panels that are made once, in the place of
// the weight where its store allows it.

import type { Operation } from "../../graph/catalog.js";
import { tensorsChanged, tensorsRead } from "../../graph/graph.js";
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

/** A weight that is to be packed before the next run. */
export interface StaleWeight extends PackedWeight {
  /** The panels take the place of the weight. */
  inPlace: boolean;
  /** Call after it was packed. */
  made(): void;
}

interface Entry extends PackedWeight {
  store: WasmStore;
  kept: Panels;
}

export class PackedWeights {
  readonly #entries = new Map<TensorId, Entry>();

  /** Allocates panels for every weight that only products read, and for which there is memory. */
  constructor(program: Program, stores: ProgramStores) {
    const others = new Set(program.graph.operations.flatMap(readAsWritten));
    for (const operation of program.graph.operations) {
      if (operation.type !== "linear" || this.#entries.has(operation.reads.weight)) continue;
      const tensor = program.graph.tensors[operation.reads.weight];
      if (tensor?.origin.kind !== "store" || others.has(tensor.id)) continue;
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

  /** The weights whose panels were not made from their current values. */
  get stale(): readonly StaleWeight[] {
    return [...this.#entries.values()]
      .filter(({ store, kept }) => store.isStale(kept))
      .map((entry) => ({ ...entry, inPlace: entry.kept.inPlace, made: () => entry.store.made(entry.kept) }));
  }
}

/** Tensors that an operation reads in the layout in which they were written. */
function readAsWritten(operation: Operation): TensorId[] {
  const read = tensorsRead(operation);
  return operation.type === "linear" ? read.filter((id) => id !== operation.reads.weight) : read;
}

/**
 * Throws `graph/unknown-store` where the program reads tensors as they were written of which a frozen store has only the
 * panels. `packed`: those that it reads as panels.
 */
export function expectReadable(program: Program, stores: ProgramStores, packed?: PackedWeights): void {
  for (const operation of program.graph.operations)
    for (const id of [...tensorsRead(operation), ...tensorsChanged(operation)]) {
      const { origin } = program.graph.tensors[id];
      const store = origin.kind === "store" ? stores.get(origin.store) : undefined;
      if (origin.kind === "store" && store instanceof WasmStore && !packed?.of(id))
        store.expectWritten(origin.first, origin.last);
    }
}
