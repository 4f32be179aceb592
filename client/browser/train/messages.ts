// Messages: what a page and its trainer's worker exchange, and that worker and its decode thread, as plain values that
// can be cloned or transferred.

import type { DecodeOutcome, SampleTask } from "../../../runtime/batches/sample-task.js";
import type { ErrorRecord } from "../../../runtime/errors.js";
import type { DownloadProgress } from "../../../runtime/host/browser-download.js";
import type { ClassScore } from "../../../runtime/inference/logits.js";
import type { KernelProgress } from "../contract.js";
import type { ModelRequest } from "../model-request.js";
import type {
  SettingValue,
  TrainedEvaluation,
  TrainedStep,
  TrainerFacts,
  TrainingEnd,
  TrainingPlanned,
} from "./contract.js";

/** A picture of a run, as the worker gets it. */
export interface SentPicture {
  picture: Blob;
  label: string;
  name: string;
}

export interface OpenRequest {
  run: string;
  resume: boolean;
  model: ModelRequest | null;
  pictures: SentPicture[];
  validation: SentPicture[];
  trains: "head" | "all";
  settings: Readonly<Record<string, SettingValue>>;
  device: string | null;
  threads: number | "auto";
  assets: string | undefined;
}

/** Name of a call → its argument and its answer. */
export interface Calls {
  open: { ask: OpenRequest; answer: TrainerFacts };
  train: { ask: null; answer: TrainingEnd };
  pause: { ask: null; answer: null };
  resume: { ask: null; answer: null };
  stop: { ask: null; answer: null };
  save: { ask: null; answer: number };
  classify: { ask: { picture: Blob; topK: number }; answer: ClassScore[] };
  export: { ask: "last" | "best"; answer: Map<string, Uint8Array<ArrayBuffer>> };
}

export type CallName = keyof Calls;

/** A call to the trainer's worker. */
export type Call = { [Name in CallName]: { id: number; name: Name; ask: Calls[Name]["ask"] } }[CallName];

export type TrainerEvent =
  | { kind: "progress"; progress: DownloadProgress }
  | { kind: "kernels"; progress: KernelProgress }
  | { kind: "plan"; plan: TrainingPlanned }
  | { kind: "step"; step: TrainedStep }
  | { kind: "evaluation"; evaluation: TrainedEvaluation }
  | { kind: "notice"; text: string };

export type FromTrainer =
  | TrainerEvent
  | { kind: "answer"; id: number; answer: Calls[CallName]["answer"] }
  | { kind: "failed"; id: number; error: ErrorRecord };

/** A picture's place among a run's files. */
export interface PictureLocation {
  name: string;
  picture: Blob;
}

export type ToDecoder =
  | { kind: "start"; assets: string | undefined }
  | { kind: "task"; id: number; task: SampleTask<PictureLocation> };

export type FromDecoder =
  | { kind: "ready" }
  | { kind: "unusable"; error: ErrorRecord }
  /** `pixels`: of the task's samples that have a place, in order. */
  | { kind: "done"; id: number; outcome: DecodeOutcome; pixels: Uint8Array<ArrayBuffer> }
  | { kind: "failed"; id: number; error: ErrorRecord };
