// Mix kind: what is done to a sample of a batch, and the record in which the host says so. Read by both compilers.

export enum MixKind {
  None = 0,
  Mixup = 1,
  Cutmix = 2,
}

/** f64 per sample in Region.Parameters: kind, λ, then the box's top, left, height, width. */
export const MIX_FIELDS = 6;
