// Dashboard contract: what the server of training runs sends to its page, as JSON and as server-sent events.

import type { CurvePoints } from "./run-curve.js";

/**
 * `stopped`: not finished, and no process trains it. `elsewhere`: another process does. `lost` is the page's own: the
 * server no longer answers.
 */
export type RunPhase =
  | "preparing"
  | "training"
  | "validating"
  | "pausing"
  | "paused"
  | "stopping"
  | "elsewhere"
  | "stopped"
  | "finished"
  | "failed"
  | "lost";

export type RunCommand = "pause" | "resume" | "save" | "stop";
export const RUN_COMMANDS: readonly RunCommand[] = ["pause", "resume", "save", "stop"];

export interface BestEpoch {
  /** Counted from 0. */
  epoch: number;
  /** Percent; null where the run has no validation data. */
  top1: number | null;
  loss: number;
}

/** A run in the list. */
export interface RunEntry {
  /** For paths below /api/runs. */
  id: string;
  name: string;
  /** Trained by the process of this server, which takes commands for it. */
  isLive: boolean;
  phase: RunPhase;
  step: number;
  /** Of the whole run; null where that is not known. */
  steps: number | null;
  best: BestEpoch | null;
}

/** Of a live run; null stands for what is not known. */
export interface RunProgress {
  /** The current epoch, from 1, and their number (null where the run is measured in steps). */
  epoch: number;
  epochs: number | null;
  loss: number | null;
  learningRate: number;
  imagesPerSecond: number;
  /** Fraction of the time, 0 to 1, and what most of it was for. */
  dataWait: number;
  dataStage: string | null;
  elapsedSeconds: number;
  remainingSeconds: number | null;
  /** Of the process, and planned on a GPU. */
  peakBytes: number;
  deviceBytes: number | null;
}

interface Scores {
  /** Percent. */
  top1: number;
  top5: number;
  loss: number;
}

interface ModelScores extends Scores {
  heads?: { class: Scores; distillation: Scores } | undefined;
}

/** The last validation. */
export interface RunScores {
  step: number;
  images: number;
  weights: ModelScores;
  /** Of the moving average. */
  ema: ModelScores | null;
}

export interface RunCheckpoint {
  /** Folder below the run's. */
  folder: string;
  step: number;
  what: string;
}

export interface RunSetting {
  flag: string;
  value: string;
  /** DeiT's. */
  usual: string;
  isChanged: boolean;
}

/** Everything about a run but its pictures. */
export interface RunSnapshot extends RunEntry {
  /** What is being done between steps; empty: nothing. */
  activity: string;
  /** A sentence: how the run goes on, or why it ended. */
  advice: string;
  progress: RunProgress | null;
  facts: readonly (readonly [name: string, value: string])[];
  settings: readonly RunSetting[];
  /** By the columns of metrics.csv. */
  curves: Readonly<Record<string, CurvePoints>>;
  scores: RunScores | null;
  checkpoints: readonly RunCheckpoint[];
  /** What the run said, the last lines. */
  lines: readonly string[];
  /** Whether it shows batches, and mistakes of its validation. */
  hasBatches: boolean;
  hasMistakes: boolean;
}

/** What changes of a snapshot. */
export type RunEvent =
  | { type: "step"; step: number; values: Readonly<Record<string, number>>; progress: RunProgress | null }
  | {
      type: "state";
      state: Pick<RunSnapshot, "phase" | "activity" | "advice" | "checkpoints" | "best" | "scores">;
    }
  | { type: "line"; line: string }
  /** The snapshot must be asked for again: it changed as a whole, or events were left out. */
  | { type: "reload" };

/** A decision of a head or a teacher. */
export interface Decision {
  name: string;
  /** 0 to 1. */
  probability: number;
}

export interface BatchPicture {
  /** Below the batch's path. */
  place: number;
  label: string;
  /** Of the picture that is mixed in; equal to `label` where none is. */
  partner: string;
  /** Of the target: λ for `label`, 1 − λ for `partner`. */
  lambda: number;
  /** Left out for a file that could not be read. */
  isRead: boolean;
  answers: { class: Decision; distillation: Decision | null; teacher: Decision | null };
}

/** A training batch as the model saw it, before its step. */
export interface BatchView {
  number: number;
  step: number;
  /** Counted from 0. */
  epoch: number;
  batch: number;
  /** Side of the pictures in pixels. */
  size: number;
  /** Images of the batch; fewer are shown of a large one. */
  count: number;
  pictures: readonly BatchPicture[];
}

export interface MistakePicture {
  place: number;
  file: string;
  label: string;
  answer: string;
  /** Of the answer and of the label, 0 to 1. */
  confidence: number;
  labelProbability: number;
}

/** The most confident mistakes of a validation. */
export interface MistakesView {
  number: number;
  /** Null while they are still computed; `done` of `total` images are. */
  pictures: readonly MistakePicture[] | null;
  done: number;
  total: number;
  /** Why there are none; empty: there are. */
  reason: string;
  size: number;
}
