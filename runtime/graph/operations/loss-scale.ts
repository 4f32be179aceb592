// Loss scale: gradients of a loss that was multiplied by a number, so that float16 holds the small ones, and the rule
// that adapts the number: torch.amp.GradScaler's, on the device, so that no step waits for the host to learn of an
// overflow.

import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectShape } from "../tensor.js";
import { ADAMW_SETTINGS } from "./optimizer.js";

/** The state, each [1]; it is changed. */
export interface LossScaleState {
  scale: TensorId;
  /** Steps in a row without an overflow since the scale last changed. */
  goodSteps: TensorId;
  /** Steps skipped so far. */
  skipped: TensorId;
}

/** GradScaler's growth_factor, backoff_factor and growth_interval. */
export interface LossScaleRule {
  growth: number;
  backoff: number;
  interval: number;
}

/** Length of `report`. */
const LOSS_SCALE_REPORT = 4;

/**
 * settings float64 [12] as for AdamW, norm float64 [1] of the scaled gradients → unscaled: settings that make AdamW
 * undo the scale and count its steps without skipped ones; report [4]: the scale of these gradients, then the new
 * state.
 */
export function updateLossScale(
  graph: GraphBuilder,
  state: LossScaleState,
  reads: { settings: TensorId; norm: TensorId },
  rule: LossScaleRule,
): { unscaled: TensorId; report: TensorId } {
  expectShape("updateLossScale settings", graph.shapeOf(reads.settings), [ADAMW_SETTINGS.length]);
  for (const [name, id] of Object.entries(state))
    expectShape(`updateLossScale ${name}`, graph.shapeOf(id), [1]);
  const unscaled = graph.activation("unscaled settings", [ADAMW_SETTINGS.length], "float64");
  const report = graph.activation("loss scale", [LOSS_SCALE_REPORT]);
  graph.add("updateLossScale", {
    reads,
    writes: { unscaled, report },
    adds: { ...state },
    attributes: { ...rule },
  });
  return { unscaled, report };
}
