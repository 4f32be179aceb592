// Memory: what the machine and a container leave, what WebAssembly addresses, and which training batches fit that.

import { totalmem } from "node:os";
import type { PlannerCapabilities } from "../../runtime/executors/executor.js";
import type { DeitConfig } from "../../runtime/models/config.js";
import { publishedConfig } from "../../runtime/models/deit/config.js";
import { largestTrainingBatch, planTraining } from "../../runtime/training/plan.js";

export interface MemoryFacts {
  machineBytes: number;
  /** The control group's limit; null where there is none. */
  limitBytes: number | null;
  /** Free for this process now. */
  availableBytes: number;
  /** Left of the 4 GiB that the wasm executor can address. */
  wasmBytes: number;
  training: TrainingFacts;
}

export interface TrainingFacts {
  model: string;
  /** Bytes that a batch of 8 takes, planned. */
  bytesOf8: number;
  largestBatch: number;
  largestRecomputed: number;
}

const MODEL = "deit_tiny_distilled_patch16_224";
/** main.py's batch size for its sixteen GPUs together; nobody asks for more of a processor. */
const MOST = 2048;

function trainingFacts(capabilities: PlannerCapabilities): TrainingFacts {
  const config = publishedConfig(MODEL) as DeitConfig;
  const run = { distillation: "none" as const, alpha: 0.5, tau: 1, dropPath: 0.1, ema: true };
  const options = { ...run, config, batchSize: 8 };
  const largest = (recompute: boolean) => largestTrainingBatch({ ...options, recompute }, capabilities, MOST);
  return {
    model: MODEL,
    bytesOf8: planTraining(options, capabilities).bytes,
    largestBatch: largest(false),
    largestRecomputed: largest(true),
  };
}

/** Plans and allocates nothing; takes about a second. */
export function memoryFacts(capabilities: PlannerCapabilities): MemoryFacts {
  const machineBytes = totalmem();
  const limit = process.constrainedMemory();
  return {
    machineBytes,
    // Without a limit some systems say 0, some the largest number there is.
    limitBytes: limit > 0 && limit < machineBytes ? limit : null,
    availableBytes: process.availableMemory(),
    wasmBytes: capabilities.limitBytes,
    training: trainingFacts(capabilities),
  };
}
