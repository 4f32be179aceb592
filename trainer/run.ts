// Run request: what a person asks the trainer for, and what the trainer asks of whoever wires it to the data.

import type { BatchSource, EvaluationSource } from "../runtime/batches/batch-source.js";
import type { RuntimeOptions } from "../runtime/create-runtime.js";
import type { AugmentationRecipe } from "../runtime/draw/recipe.js";
import type { Host } from "../runtime/host/host.js";
import type { GivenOptions } from "./options.js";

export interface RunRequest {
  /** RUN: gets `last`, `best` and metrics.csv. */
  out: string;
  /** Go on from RUN/last. */
  resume: boolean;
  given: GivenOptions;
  /** Validation data; null: none, or in a resumed run what it was begun with. */
  validation: string | null;
  /** Steps between checkpoints within an epoch. */
  checkpointEvery: number;
  /** Null: the checkpoint's, or `auto`. */
  device: string | null;
  /** Null: the checkpoint's, or `auto`. */
  gpuTier: string | null;
  /** Threads that compute; no bit depends on them, so a resumed run may take others. */
  threads: number | "auto";
}

export interface DataRequest {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  /** Of the data set that the run was begun with. */
  fingerprint?: string;
}

export interface ValidationRequest {
  path: string;
  size: number;
  cropRatio: number;
  batchSize: number;
}

/** The trainer takes sources; bin/ decides whether a server, or a pipeline in this process, stands behind them. */
export interface RunSources {
  /** What gives threads and GPUs. */
  host: Host;
  /** Called while a GPU's driver compiles kernels. */
  onKernels?: RuntimeOptions["onKernels"];
  connect(request: DataRequest): Promise<BatchSource>;
  openValidation(request: ValidationRequest): Promise<EvaluationSource>;
}
