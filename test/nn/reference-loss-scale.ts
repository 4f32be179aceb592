// Reference implementation of loss-scale.ts: torch.amp.GradScaler's rule on plain numbers.

export interface LossScaleState {
  scale: number;
  goodSteps: number;
  skipped: number;
}

/** The state after a step whose gradient was finite, or was not. */
export function referenceLossScale(
  { scale, goodSteps, skipped }: LossScaleState,
  wasGood: boolean,
  interval: number,
): LossScaleState {
  if (!wasGood) return { scale: scale / 2, goodSteps: 0, skipped: skipped + 1 };
  if (goodSteps + 1 < interval) return { scale, goodSteps: goodSteps + 1, skipped };
  return { scale: Math.min(2 * scale, 2 ** 126), goodSteps: 0, skipped };
}

/** Scale and goodSteps of `torch.amp.GradScaler(init_scale=65536, growth_interval=3)` after each step. */
export const TORCH_SEQUENCE: readonly [overflows: boolean, scale: number, goodSteps: number][] = [
  [false, 65_536, 1],
  [false, 65_536, 2],
  [false, 131_072, 0],
  [false, 131_072, 1],
  [true, 65_536, 0],
  [true, 32_768, 0],
  [false, 32_768, 1],
  [false, 32_768, 2],
  [false, 65_536, 0],
  [false, 65_536, 1],
];
