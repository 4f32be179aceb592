// Schedule: the learning rate of every epoch. Pure.
//
// The curve is exactly main.py's: the rate changes once per epoch, and one epoch late, since main.py calls
// scheduler.step(epoch) after that epoch. A run measured in steps has ⌈steps / batches⌉ epochs and is cut at its last
// step. main.py never makes such short runs: its 5 epochs of warm-up would keep 40 steps of fine-tuning at 1e-6, and
// its linear rule gives a batch of 16 a rate of 1.6e-5. So a run measured in steps has two defaults of its own, both
// printed and both flags: a warm-up over main.py's fraction of the run, and scaling by the square root of the batch.

export interface CosineCurve {
  /** Epochs until the curve reaches `minLr`. */
  length: number;
  /** Peak rate, already scaled by the batch size. */
  lr: number;
  /** Epochs. */
  warmup: number;
  warmupLr: number;
  minLr: number;
}

/**
 * timm's CosineLRScheduler with one cycle, at t epochs: linear from `warmupLr` for t < warmup, then
 * min + ½(lr − min)(1 + cos(π·t/length)), from t = length on min. The warm-up is not subtracted from t.
 */
export function cosineAt(curve: CosineCurve, t: number): number {
  const { length, lr, warmup, warmupLr, minLr } = curve;
  if (t < warmup) return warmupLr + t * ((lr - warmupLr) / warmup);
  if (t >= length) return minLr;
  return minLr + 0.5 * (lr - minLr) * (1 + Math.cos((Math.PI * t) / length));
}

/** The rate of epoch e in main.py: the curve at e − 1; epochs 0 and 1 are both at 0. */
export function rateOfEpoch(curve: CosineCurve, epoch: number): number {
  return cosineAt(curve, Math.max(0, epoch - 1));
}

/** `linear`: main.py's lr · batch/512. `sqrt`: lr · √(batch/512), the rule for Adam (arXiv 2205.10287). */
export type RateScaling = "linear" | "sqrt" | "none";

/** Peak rate for a batch size. `minLr` and `warmupLr` are not scaled. */
export function scaledRate(lr: number, batchSize: number, scaling: RateScaling): number {
  if (scaling === "none") return lr;
  return scaling === "sqrt" ? lr * Math.sqrt(batchSize / 512) : (lr * batchSize) / 512;
}

/** main.py warms up for 5 of its 300 epochs. */
const WARMUP_EPOCHS = 5;
const WARMUP_FRACTION = 5 / 300;

export interface ScheduleSettings {
  /** One of these two is set, the other null. */
  epochs: number | null;
  steps: number | null;
  batchSize: number;
  lr: number;
  lrScaling: RateScaling;
  minLr: number;
  warmupLr: number;
  /** Null: 5, or in a run measured in steps 1/60 of its epochs, rounded down. */
  warmupEpochs: number | null;
}

/** Settings and the data's size → the run's curve over epochs. */
export function createSchedule(settings: ScheduleSettings, batchesPerEpoch: number): CosineCurve {
  const { steps, minLr, warmupLr } = settings;
  const length = steps === null ? (settings.epochs ?? 0) : Math.ceil(steps / batchesPerEpoch);
  const warmup =
    settings.warmupEpochs ?? (steps === null ? WARMUP_EPOCHS : Math.floor(length * WARMUP_FRACTION));
  const lr = scaledRate(settings.lr, settings.batchSize, settings.lrScaling);
  return { length, lr, warmup, warmupLr, minLr };
}
