// The step that every contestant of the train bench runs: soft targets on the class head, AdamW, no average, no drop path.

import type { StepSettings } from "./inputs.js";

export const STEP: StepSettings = {
  learningRate: 1e-4,
  weightDecay: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  smoothing: 0.1,
  noDecay: ["pos_embed", "cls_token", "dist_token"],
};

/** Steps whose losses are compared: the second and third depend on the gradients and on AdamW. */
export const CHECKED_STEPS = 3;

/** [batch, classes]: image i is of class i. */
export function stepTargets(batch: number, classes: number, smoothing: number): Float32Array {
  const targets = new Float32Array(batch * classes).fill(smoothing / classes);
  for (let image = 0; image < batch; image++) {
    const place = image * classes + (image % classes);
    targets[place] = 1 - smoothing + smoothing / classes;
  }
  return targets;
}

/** Whether AdamW decays this tensor. */
export function isDecayed(name: string, shape: readonly number[], settings: StepSettings): boolean {
  return shape.length > 1 && !settings.noDecay.includes(name);
}
