// Figures: what the GPU bench reports, as gpu.json has it.

import type { Machine } from "./machine.js";
import type { TierParity } from "./parity.js";
import type { Place } from "./plan.js";

export interface Row extends Place {
  contestant: string;
  /** From the medians of all calls. */
  imagesPerSecond: number;
  /** Of a call, which is `stepsPerCall` steps. */
  medianMs: number;
  bestMs: number;
  calls: number;
  /** Largest difference of logits, or of the losses of three steps, from ours, over the larger of 1 and our largest. */
  fromOurs: number;
}

export interface Missing extends Place {
  contestant: string;
  reason: string;
}

/** A ratio of training images/s at a batch size. */
export interface Aim {
  batch: number;
  ours: string;
  theirs: string;
  ratio: number;
  /** The ratio is to be at least this. */
  aim: number;
}

export interface GpuReport {
  machine: Machine;
  stepsPerCall: number;
  /** Of the whole bench until now. */
  seconds: number;
  parity: TierParity[];
  aims: Aim[];
  rows: Row[];
  missing: Missing[];
}
