// Loss scale: torch.amp.GradScaler's state in an executor's memory, where the optimizer's program updates it.

import type { Store, StoreLayout } from "../executors/device-store.js";
import type { GraphBuilder } from "../graph/graph.js";
import type { LossScaleRule, LossScaleState } from "../graph/operations/loss-scale.js";
import type { TensorMap } from "../weights/tensor-map.js";
import type { LossScale } from "./contract.js";

/** Name of the store that holds the state. */
export const LOSS_SCALE = "lossScale";

/** GradScaler's init_scale. */
export const FIRST_LOSS_SCALE: LossScale = { scale: 65_536, goodSteps: 0, skipped: 0 };

/** GradScaler's defaults. */
export const LOSS_SCALE_RULE: LossScaleRule = { growth: 2, backoff: 0.5, interval: 2000 };

const NAMES = ["scale", "goodSteps", "skipped"] as const;

/** A tensor of one value each; float32 counts exactly up to 16,777,216. */
export const LOSS_SCALE_LAYOUT: StoreLayout = new Map(NAMES.map((name) => [name, 1]));

/** The state as tensors of a graph. */
export function storedLossScale(graph: GraphBuilder): LossScaleState {
  const [scale, goodSteps, skipped] = NAMES.map((name) => graph.stored(LOSS_SCALE, name, [1]));
  return { scale, goodSteps, skipped } as LossScaleState;
}

export function writeLossScale(store: Store, state: LossScale): void {
  for (const name of NAMES) store.write(name, Float32Array.of(state[name]));
}

/** Divides gradients that no step has used yet by the scale, in place. */
export async function undoLossScale(store: Store, gradients: TensorMap): Promise<void> {
  const scale = (await store.read("scale"))[0];
  for (const { data } of gradients.values()) for (let i = 0; i < data.length; i++) data[i] = data[i] / scale;
}

/** The report of `updateLossScale`: the scale of this step's gradients, and the state after the step. */
export function readReport(report: ArrayLike<number>): { gradientScale: number; lossScale: LossScale } {
  const [gradientScale, scale, goodSteps, skipped] = Array.from(report);
  return { gradientScale, lossScale: { scale, goodSteps, skipped } };
}
