// Targets: the distribution over classes that a mixed sample is trained toward. timm 0.3.2, mixup_target.

import { VitrineError } from "../errors.js";

export interface TargetOptions {
  classes: number;
  /** Label smoothing ε: ε / classes everywhere, 1 − ε more on the label. */
  smoothing: number;
  /** Class of each sample, [batch]. */
  labels: ArrayLike<number>;
  /** Class of the sample that it is mixed with, [batch]. */
  partnerLabels: ArrayLike<number>;
  /** Share of the sample's own label, [batch]. */
  lambdas: ArrayLike<number>;
}

/**
 * λ·y + (1 − λ)·y(partner) of the smoothed labels, float32 [batch, classes]; computed in double, rounded once.
 * Throws `data/label-out-of-range`.
 */
export function mixTargets(options: TargetOptions, into?: Float32Array): Float32Array {
  const { classes, smoothing, labels, partnerLabels, lambdas } = options;
  const batch = labels.length;
  const targets = into ?? new Float32Array(batch * classes);
  const off = smoothing / classes;
  const on = 1 - smoothing + off;
  for (let b = 0; b < batch; b++) {
    const label = labels[b] as number;
    const partner = partnerLabels[b] as number;
    const lambda = lambdas[b] as number;
    for (const index of [label, partner])
      if (!(index >= 0 && index < classes))
        throw new VitrineError(
          "data/label-out-of-range",
          `label ${index} of sample ${b} is outside of ${classes} classes`,
          { details: { label: index, classes } },
        );
    const row = b * classes;
    targets.fill(lambda * off + (1 - lambda) * off, row, row + classes);
    if (label === partner) targets[row + label] = lambda * on + (1 - lambda) * on;
    else {
      targets[row + label] = lambda * on + (1 - lambda) * off;
      targets[row + partner] = lambda * off + (1 - lambda) * on;
    }
  }
  return targets;
}
