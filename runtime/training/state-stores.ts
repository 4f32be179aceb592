// State stores: which stores of a training hold a state that it keeps.

import { VitrineError } from "../errors.js";
import type { Store } from "../executors/device-store.js";
import { BUFFERS, WEIGHTS } from "../models/family.js";
import type { TrainingState } from "./contract.js";
import { AVERAGE, AVERAGE_BUFFERS, FIRST_MOMENT, SECOND_MOMENT } from "./store-names.js";
import type { StateStores } from "./tensors.js";

export const STATE_STORES: Readonly<Record<TrainingState, { parameters: string; buffers?: string }>> = {
  weights: { parameters: WEIGHTS, buffers: BUFFERS },
  ema: { parameters: AVERAGE, buffers: AVERAGE_BUFFERS },
  firstMoment: { parameters: FIRST_MOMENT },
  secondMoment: { parameters: SECOND_MOMENT },
};

/** Undefined where the training does not keep this state. */
export function stateStores(
  stores: ReadonlyMap<string, Store>,
  state: TrainingState,
): StateStores | undefined {
  const { parameters, buffers } = STATE_STORES[state];
  const store = stores.get(parameters);
  return store && { parameters: store, buffers: buffers === undefined ? undefined : stores.get(buffers) };
}

export function noAverage(): VitrineError {
  return new VitrineError(
    "training/ema",
    "this training keeps no moving average of the weights; start it with one (option ema, --ema)",
  );
}
