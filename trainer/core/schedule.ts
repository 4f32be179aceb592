// Schedule: the learning rate of every epoch, and the average's decay at every step. Pure.
//
// The curve is exactly main.py's: the rate changes once per epoch, and one epoch late, since main.py calls
// scheduler.step(epoch) after that epoch. A run measured in steps has ⌈steps / batches⌉ epochs and is cut at its last
// step.

import { counted } from "../../runtime/batches/class-counts.js";
import type { RateNoise } from "./rate-noise.js";

/** `cosine` and `step` as timm's schedulers; `constant` stays at the peak. All of them after the warm-up. */
export type RateCurveName = "cosine" | "constant" | "step";

export interface RateCurve {
  /** Default cosine. */
  sched?: RateCurveName;
  /** Epochs until a cosine reaches `minLr`. */
  length: number;
  /** Peak rate, already scaled by the batch size. */
  lr: number;
  /** Epochs. */
  warmup: number;
  warmupLr: number;
  minLr: number;
  /** Of `step`: epochs between two decays, default 30, and the factor of each, default 0.1. */
  decayEpochs?: number;
  decayRate?: number;
  /** Changes the rates of some epochs at random. Default none. */
  noise?: RateNoise | undefined;
}

/**
 * The rate at t epochs: linear from `warmupLr` for t < warmup, which is not subtracted from t afterwards. timm's
 * CosineLRScheduler with one cycle: min + ½(lr − min)(1 + cos(π·t/length)), from t = length on min. timm's
 * StepLRScheduler: lr·decayRate^⌊t / decayEpochs⌋.
 */
export function rateAt(curve: RateCurve, t: number): number {
  const { sched = "cosine", length, lr, warmup, warmupLr, minLr } = curve;
  if (t < warmup) return warmupLr + t * ((lr - warmupLr) / warmup);
  if (sched === "constant") return lr;
  if (sched === "step") {
    const { decayEpochs = 30, decayRate = 0.1 } = curve;
    return lr * decayRate ** Math.floor(t / decayEpochs);
  }
  if (t >= length) return minLr;
  return minLr + 0.5 * (lr - minLr) * (1 + Math.cos((Math.PI * t) / length));
}

/**
 * The rate of epoch e in main.py: the curve at e − 1 with its noise, if it has any there; epoch 0 is at 0, without noise,
 * since no scheduler has been called yet.
 */
export function rateOfEpoch(curve: RateCurve, epoch: number): number {
  const t = Math.max(0, epoch - 1);
  const rate = rateAt(curve, t);
  const { noise } = curve;
  return noise && epoch > 0 && noise.from <= t && t < noise.to ? rate + rate * noise.at(t) : rate;
}

/** `linear`: main.py's lr · batch/512. `sqrt`: lr · √(batch/512), the rule for Adam (arXiv 2205.10287). */
export type RateScaling = "linear" | "sqrt" | "none";

/** Peak rate for a batch size. `minLr` and `warmupLr` are not scaled. */
export function scaledRate(lr: number, batchSize: number, scaling: RateScaling): number {
  if (scaling === "none") return lr;
  return scaling === "sqrt" ? lr * Math.sqrt(batchSize / 512) : (lr * batchSize) / 512;
}

/** main.py warms up for 5 of its 300 epochs. */
const WARMUP_FRACTION = 5 / 300;

export interface ScheduleSettings {
  /** One of these two is set, the other null. */
  epochs: number | null;
  steps: number | null;
  batchSize: number;
  lr: number;
  lrScaling: RateScaling;
  sched: RateCurveName;
  minLr: number;
  warmupLr: number;
  /** Null: 1/60 of the run's epochs, rounded down. */
  warmupEpochs: number | null;
  decayEpochs: number;
  decayRate: number;
}

/** A run's length in epochs with the cool-down after them, or in steps. */
export interface RunLength {
  epochs: number | null;
  steps: number | null;
  /** Epochs at the final rate, after those of the schedule. */
  cooldownEpochs: number;
}

/** All epochs of a run that is measured in epochs; null for one measured in steps. */
export function trainedEpochs({ epochs, cooldownEpochs }: RunLength): number | null {
  return epochs === null ? null : epochs + cooldownEpochs;
}

/** All steps of a run, where an epoch has so many batches. */
export function trainedSteps(length: RunLength, batchesPerEpoch: number): number {
  return length.steps ?? (trainedEpochs(length) ?? 0) * batchesPerEpoch;
}

/** Epochs of a run, the last of which may be cut. */
function epochsOf({ epochs, steps }: Pick<ScheduleSettings, "epochs" | "steps">, batches: number): number {
  return steps === null ? (epochs ?? 0) : Math.ceil(steps / batches);
}

/** Settings and the data's size → the run's curve over epochs. */
export function createSchedule(settings: ScheduleSettings, batchesPerEpoch: number): RateCurve {
  const { sched, minLr, warmupLr, decayEpochs, decayRate } = settings;
  const length = epochsOf(settings, batchesPerEpoch);
  const warmup = settings.warmupEpochs ?? Math.floor(length * WARMUP_FRACTION);
  const lr = scaledRate(settings.lr, settings.batchSize, settings.lrScaling);
  return { sched, length, lr, warmup, warmupLr, minLr, decayEpochs, decayRate };
}

/** What the curve does after its warm-up, in words. */
export function describeDecay(curve: RateCurve): string {
  const { noise } = curve;
  if (noise === undefined) return describeCurve(curve);
  const percent = Math.round(100 * noise.limit);
  const end = noise.to < curve.length ? ` to ${Math.ceil(noise.to) + 1}` : "";
  return `${describeCurve(curve)}, up to ${percent}% more or less from epoch ${Math.ceil(noise.from) + 2}${end}`;
}

function describeCurve({ sched, length, minLr, decayEpochs, decayRate }: RateCurve): string {
  if (sched === "constant") return "constant";
  if (sched === "step") return `times ${decayRate} every ${counted(decayEpochs ?? 0, "epoch", "epochs")}`;
  return `cosine over ${counted(length, "epoch", "epochs")} to ${minLr.toExponential(2)}`;
}

/** Sentences about a schedule that does not do what its settings suggest. */
export function scheduleWarnings(curve: RateCurve): string[] {
  const { sched, length, lr, warmup, minLr } = curve;
  const warnings: string[] = [];
  // The rate of epoch e is the curve's at e − 1.
  if (warmup > 0 && warmup >= length - 1) {
    const largest = rateOfEpoch(curve, length - 1).toExponential(2);
    warnings.push(
      `the warm-up takes ${counted(warmup, "epoch", "epochs")}, the run ${counted(length, "epoch", "epochs")}: its ` +
        `rate ends at ${largest} and never reaches ${lr.toExponential(2)}; give --warmup-epochs 0, or a longer run`,
    );
  }
  if (sched === "cosine" && lr < minLr)
    warnings.push(
      `the peak rate ${lr.toExponential(2)} is below the final one, --min-lr ${minLr.toExponential(2)}: the rate ` +
        "rises to the end; give --min-lr 0, a larger --lr, or --lr-scaling sqrt",
    );
  return warnings;
}

/** The average's window in steps: a shorter run would mostly average its start. */
export function averageWindow(decay: number): number {
  return decay < 1 ? Math.round(1 / (1 - decay)) : Number.POSITIVE_INFINITY;
}

/** The average's decay at a step, from 1: with a warm-up min(decay, (1 + step)/(10 + step)), TensorFlow's and timm's. */
export function averageDecay(decay: number, warmup: boolean, step: number): number {
  return warmup ? Math.min(decay, (1 + step) / (10 + step)) : decay;
}
