// Contract: what a trainer in a page takes and tells. Types only, for the page, the library and its workers.

import type { DownloadProgress } from "../../../runtime/host/browser-download.js";
import type { CancelSignal, Url, WebBlob } from "../../../runtime/host/environment-types.js";
import type { ClassScore } from "../../../runtime/inference/logits.js";
import type { KernelProgress, ModelBytes } from "../contract.js";

/** A picture file with its class. */
export interface LabeledPicture {
  /** A file of a format that Vitrine reads. */
  picture: WebBlob;
  /** Name of its class. */
  label: string;
  /** Name of the file within its class, unlike those of the others. Default: that of a File; required for any other Blob. */
  name?: string;
}

/** A setting's value; two numbers for a range. */
export type SettingValue = number | string | boolean | readonly [number, number];

/** A new run, or one to continue. */
export interface TrainerOptions {
  /** Name of the run, whose files this origin keeps. Default "run". */
  run?: string;
  /** Continue the run of that name: its model, pictures and settings are kept with it. Default false. */
  resume?: boolean;
  /** The model to start from, as for a classifier: a folder's URL, a file's, `hf:OWNER/NAME`, or bytes; required for a new run. */
  model?: Url | string | ModelBytes;
  /** Pictures to train on; required for a new run, at least two. Classes are those of their labels, by code point. */
  pictures?: readonly LabeledPicture[];
  /** Pictures to validate on, which are not trained on. Default none. */
  validation?: readonly LabeledPicture[];
  /** `head` (default): the class heads alone, on a frozen backbone; `all`: every weight. */
  trains?: "head" | "all";
  /** Settings under the names of `vitrine train`'s flags, such as `{ epochs: 20, lr: 0.01 }`, above those of `trains`. */
  settings?: Readonly<Record<string, SettingValue>>;
  /** `auto` (default: a hardware GPU, else wasm), `wasm` or `webgpu`; of a resumed run the device that it started on. */
  device?: string;
  /** Compute threads of wasm; no bit depends on them. Default `auto`. */
  threads?: number | "auto";
  /** URL of the folder that holds `wasm/`. Default: beside the library's script. */
  assets?: Url | string;
  /** Ends the trainer, whatever it is doing: a run in progress is saved first. */
  signal?: CancelSignal;
  /** Called with progress while the weights download. */
  onProgress?(progress: DownloadProgress): void;
  /** Called with progress while the GPU's driver compiles kernels. */
  onKernels?(progress: KernelProgress): void;
  /** Called with what the run will take, before that memory is allocated. */
  onPlan?(plan: TrainingPlanned): void;
  /** Called after each step. */
  onStep?(step: TrainedStep): void;
  /** Called after each validation. */
  onEvaluation?(evaluation: TrainedEvaluation): void;
  /** Called with sentences about the run, such as a picture that cannot be read. */
  onNotice?(text: string): void;
}

/** What a run takes, known before it is allocated. */
export interface TrainingPlanned {
  /** Bytes of weights, gradients, moments and activations. */
  bytes: number;
  /** Bytes of the files that a checkpoint takes among the origin's private files. */
  checkpointBytes: number;
}

/** A step that was done. */
export interface TrainedStep {
  /** From 1. */
  step: number;
  /** Of the whole run. */
  steps: number;
  /** From 1. */
  epoch: number;
  loss: number;
  /** Mean of the last ten steps. */
  runningLoss: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Until the end of the run; NaN before it is known. */
  remainingSeconds: number;
}

/** A validation's scores of the weights. */
export interface TrainedEvaluation {
  /** Steps done before it. */
  step: number;
  /** Percent. */
  top1: number;
  /** Mean cross-entropy. */
  loss: number;
  images: number;
}

/** A prepared run. */
export interface TrainerFacts {
  run: string;
  /** Class names in index order. */
  classes: string[];
  /** Pictures to train on, and to validate on, without the files that are no pictures. */
  pictures: number;
  validation: number;
  imageSize: number;
  batchSize: number;
  steps: number;
  /** Steps done before, of a resumed run. */
  step: number;
  finished: boolean;
  parameters: number;
  /** Those that change. */
  trainedParameters: number;
  device: string;
  /** One readable line: what the run computes on, and why. */
  deviceDescription: string;
  plan: TrainingPlanned;
  /** The settings as flags of `vitrine train`, which with the same pictures gives the same weights. */
  flags: string[];
  /** Steps and validations before, of a resumed run. */
  history: { steps: TrainedStep[]; evaluations: TrainedEvaluation[] };
}

/** How a call of `Trainer.train` ended. */
export interface TrainingEnd {
  /** False where the run was stopped. */
  finished: boolean;
  /** Steps done, all of which are saved. */
  step: number;
}

/** A run in the workers of a page, made by `createTrainer`. */
export interface Trainer {
  readonly facts: TrainerFacts;
  /**
   * Trains until the run ends or is stopped; may be called again then. Throws `training/not-finite` where the loss is no
   * number, `file/unwritable` where the origin's files are full, `device/lost` where the GPU is: the run continues from
   * its last checkpoint in another trainer, with `resume`.
   */
  train(): Promise<TrainingEnd>;
  /** After the step in progress, the run is saved and waits. */
  pause(): void;
  /** A paused run goes on. */
  resume(): void;
  /** Saves the run after the step in progress, and ends `train`. */
  stop(): Promise<void>;
  /** Saves the run; resolves to the step that is saved. Without a call, it is saved every ten seconds and at its end. */
  save(): Promise<number>;
  /** A picture file → its most probable classes by the weights of this moment, also while the run trains. */
  classify(picture: WebBlob, options?: { topK?: number }): Promise<ClassScore[]>;
  /**
   * The model's files, model.safetensors and config.json, as every command takes them: with the weights of this moment,
   * or of the best validation so far (`best`, of a run with validation pictures).
   */
  exportModel(which?: "last" | "best"): Promise<Map<string, Uint8Array<ArrayBuffer>>>;
  /** Ends the workers at once. What was not saved is lost; calls in progress are rejected. */
  dispose(): void;
}

/** A run that this origin keeps. */
export interface KeptRun {
  run: string;
  classes: string[];
  step: number;
  finished: boolean;
}
