// The training step that every peer runs: soft targets on the class head, AdamW, no weight average, no stochastic depth.

export interface StepSettings {
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Target of image i: class i with 1 − smoothing, the rest spread over all classes. */
  smoothing: number;
  /** Names without weight decay besides tensors of one dimension. */
  noDecay: readonly string[];
}

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
  for (let image = 0; image < batch; image++)
    targets[image * classes + (image % classes)] = 1 - smoothing + smoothing / classes;
  return targets;
}

/** Whether AdamW decays this tensor. */
export function isDecayed(name: string, shape: readonly number[], settings: StepSettings): boolean {
  return shape.length > 1 && !settings.noDecay.includes(name);
}
