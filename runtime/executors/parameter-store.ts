// Parameter store: the weights of a model in an executor's memory, and stores of the same names and shapes.

import { elementCount } from "../graph/tensor.js";
import { Pauses } from "../pauses.js";
import { checkShapes, type ParameterShapes, type TensorMap } from "../weights/tensor-map.js";
import type { Store, StoreLayout, StoreOptions } from "./device-store.js";
import type { Executor } from "./executor.js";

/** The store's layout; `order` is the order of the tensors, default that of `shapes`. */
export function storeLayout(shapes: ParameterShapes, order: Iterable<string> = shapes.keys()): StoreLayout {
  return new Map([...order].map((name) => [name, elementCount(shapes.get(name) ?? [])]));
}

/** Bytes of a store of this layout before it exists; an executor may add a few per tensor. */
export function layoutBytes(layout: StoreLayout, alignmentBytes: number): number {
  return [...layout.values()].reduce(
    (sum, count) => sum + Math.ceil((4 * count) / alignmentBytes) * alignmentBytes,
    0,
  );
}

/**
 * A store that holds the weights; `options` as of `createStore`. Copying them takes long for a large model, so it pauses between tensors. Throws what
 * `checkShapes` and `createStore` throw.
 */
export async function createWeightStore(
  executor: Executor,
  shapes: ParameterShapes,
  weights: TensorMap,
  options: StoreOptions = {},
): Promise<Store> {
  checkShapes(weights, shapes, "weights");
  const store = executor.createStore(storeLayout(shapes), options);
  const pauses = new Pauses();
  try {
    for (const name of shapes.keys()) {
      store.write(name, weights.get(name)?.data as Float32Array);
      await pauses.pause();
    }
    return store;
  } catch (error) {
    store.dispose();
    throw error;
  }
}
