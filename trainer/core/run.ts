// Run: what a user asks for, what the trainer needs from outside, and the run that preparation makes of both. Types
// only, shared by preparation, loop and report.

import type { BatchSource, EvaluationBatch, EvaluationSource } from "../../runtime/batches/batch-source.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import type { Rank } from "../../runtime/draw/ranks.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import type { ModelSource } from "../../runtime/host/host.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type { ModelConfig } from "../../runtime/models/families.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { Training } from "../../runtime/training/contract.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { BatchShare } from "./batch-share.js";
import type { CheckpointReader } from "./checkpoint-files.js";
import type { ObjectiveOptions } from "./objective.js";
import type { GivenOptions } from "./options.js";
import type { Progress } from "./progress-report.js";
import type { RunControl } from "./run-control.js";
import type { RunRecord } from "./run-record.js";
import type { RateCurve } from "./schedule.js";
import type { ShownBatch } from "./show-batch.js";
import type { RunState } from "./state.js";
import type { StepMetrics } from "./step-metrics.js";
import type { ValidationScores } from "./validation.js";

export interface RunRequest {
  /** RUN, the folder of `last`, `best` and metrics.csv. */
  out: string;
  /** Continue from RUN/last; `if-any`: where there is one, else start. */
  resume: boolean | "if-any";
  /** Flags of the command line. */
  given: GivenOptions;
  /** Keys of a configuration file, which flags override. */
  configured?: GivenOptions;
  /** The command's own settings (data server, device, …), for RUN/config.yaml. */
  command?: Readonly<Record<string, string | number | boolean>>;
  /** Validation data; null: none, or in a resumed run those that it was started with. */
  validation: string | null;
  /** Of files that this process reads; null: `fail`, or in a resumed run what it was started with. */
  badSamples?: BadSamples | null;
  /** Continue although the data set is another one. */
  acceptData?: boolean;
  /** Epochs whose models are kept in RUN/top. Default 1: only RUN/best. */
  keepBest?: number;
  /** Steps between checkpoints within an epoch. */
  checkpointEvery: number;
  /** Null: the checkpoint's, or `auto`. */
  device: string | null;
  /** Null: the checkpoint's, or `auto`. */
  gpuTier: string | null;
  /** Seconds for each answer of a teacher's server. Default 60. */
  teacherTimeout?: number;
  /** Compute threads; no bit depends on them, so a resumed run may use another number. */
  threads: number | "auto";
}

export interface RuntimeRequest {
  device: string;
  gpuTier: string;
  threads: number | "auto";
  /** Fused multiply-add as the checkpoint has it; absent in a new run. */
  relaxed?: boolean;
}

export interface DataRequest extends Rank {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  /** Of the data set that the run was started with; absent in a new run. */
  fingerprint?: string;
  /** Of files that this process reads itself; a data server has its own setting. */
  badSamples: BadSamples;
}

export interface ValidationRequest extends InputTransform, Rank {
  path: string;
  batchSize: number;
  badSamples: BadSamples;
  /** Ends checks of the data early; what opened them then finds the run interrupted. */
  signal: AbortSignal;
}

/** What the trainer uses without knowing how: bin/ opens the training data or connects their server, and all else. */
export interface RunSources {
  openRuntime(request: RuntimeRequest): Promise<Runtime>;
  connect(request: DataRequest): Promise<BatchSource>;
  openValidation(request: ValidationRequest): Promise<EvaluationSource>;
}

/** Follows a run. Its functions must be quick and must not throw: the loop waits for them. */
export interface RunObserver {
  /** The run is prepared, or prepared again on a new device. */
  begins(run: TrainingRun): void;
  stepped(metrics: StepMetrics): void;
  validated(step: number, scores: ValidationScores): void;
  /** A batch of a validation; `pixels` are a copy. */
  answered(batch: EvaluationBatch, answers: Logits): void;
  /** The whole validation is over or given up; the next one starts from its first image. */
  validationEnds(): void;
  /** RUN/last, RUN/best or RUN/top was written. */
  saved(kind: "last" | "best" | "top", step: number): void;
  /** Whether someone looks at batches: the next one costs an evaluation of it. */
  wantsBatch(): boolean;
  shows(batch: ShownBatch): void;
}

/** A run to continue: in RUN/last, or as another process of the run has sent it. */
export interface StoredRun {
  state: RunState;
  model: ModelSource;
  /** Moments and average. */
  checkpoint: CheckpointReader;
  /** Where it is, for messages. */
  place: string;
}

/** What a run starts with, a new one as a stopped one. */
export interface StartingPoint {
  resumed: boolean;
  config: ModelConfig;
  labels: string[];
  weights: TensorMap;
  /** Batches that the running statistics in `weights` have seen. */
  batchesTracked: number;
  state: RunState;
  source: BatchSource;
  runtime: Runtime;
  notices: string[];
}

/** What a failure on the way must close again, and the end of the run as well; last opened, first closed. */
export type Disposables = (() => unknown)[];

/** A prepared run. */
export interface TrainingRun {
  training: Training;
  source: BatchSource;
  objective: ObjectiveOptions;
  schedule: RateCurve;
  /** Updated in place, step by step. */
  state: RunState;
  record: RunRecord;
  /** Epochs whose models are kept in RUN/top; with 1 or less only RUN/best. */
  keepBest: number;
  /** Steps between checkpoints within an epoch; each epoch's end writes one as well. */
  checkpointEvery: number;
  /** `share`: where its images are a part of the whole. */
  validation: { source: EvaluationSource; classMap: Int32Array; share?: BatchShare } | null;
  progress: Progress;
  /** Asks the run to write a checkpoint and stop. */
  interruption: AbortSignal;
  /** Absent: nobody follows the run. */
  observer?: RunObserver | undefined;
  /** Absent: nobody pauses the run. */
  control?: RunControl | undefined;
}
