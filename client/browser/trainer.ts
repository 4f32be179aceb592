// vitrine/browser/train: fine-tunes a model in a page, in workers, with the loop, the recipe and the draws of `vitrine train`.
// Pictures and weights stay on this device.

import { fromErrorRecord, quote, VitrineError } from "../../runtime/errors.js";
import type { ClassScore } from "../../runtime/inference/logits.js";
import { refuseUnknown, TRAINER_OPTIONS, TRIAL_OPTIONS } from "./known-options.js";
import { absolute, modelRequest } from "./model-request.js";
import { startWorker } from "./start-worker.js";
import type {
  KeptRun,
  LabeledPicture,
  Trainer,
  TrainerFacts,
  TrainerOptions,
  TrainingEnd,
} from "./train/contract.js";
import type {
  Call,
  CallName,
  Calls,
  FromTrainer,
  OpenRequest,
  SentPicture,
  TrainerEvent,
} from "./train/messages.js";
import { RunFiles, SUMMARY_FILE } from "./train/run-files.js";
import { workerFailure } from "./worker-failure.js";

export { type ErrorCode, type ErrorDetails, isVitrineError, VitrineError } from "../../runtime/errors.js";
export type { DownloadProgress } from "../../runtime/host/browser-download.js";
export type { CancelSignal, Url, WebBlob } from "../../runtime/host/environment-types.js";
export type { ClassScore } from "../../runtime/inference/logits.js";
export type { JsonFile, KernelProgress, ModelBytes } from "./contract.js";
export type {
  KeptRun,
  LabeledPicture,
  SettingValue,
  TrainedEvaluation,
  TrainedStep,
  Trainer,
  TrainerFacts,
  TrainerOptions,
  TrainingEnd,
  TrainingPlanned,
} from "./train/contract.js";

const DEFAULT_RUN = "run";

interface Pending {
  resolve(answer: never): void;
  reject(error: unknown): void;
}

function sent({ picture, label, name = (picture as Partial<File>).name }: LabeledPicture): SentPicture {
  if (!(picture instanceof Blob))
    throw new VitrineError("usage/training", `a picture of class "${quote(label)}" is no Blob or File`);
  if (name === undefined)
    throw new VitrineError(
      "usage/training",
      `a picture of class "${quote(label)}" has no name: give it one (name)`,
    );
  return { picture, label, name };
}

/** The worker with its calls in progress. */
class TrainerWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onEvent: (event: TrainerEvent) => void;
  #nextId = 0;
  #ended: unknown;

  constructor(onEvent: (event: TrainerEvent) => void) {
    this.#onEvent = onEvent;
    this.#worker = startWorker(
      () => new Worker(new URL("./trainer-worker.js", import.meta.url), { type: "module" }),
      "./trainer-worker.js",
      import.meta.url,
    );
    this.#worker.onmessage = ({ data }: MessageEvent<FromTrainer>) => this.#receive(data);
    this.#worker.onerror = (event) => this.end(workerFailure("trainer", event));
  }

  call<Name extends CallName>(name: Name, ask: Calls[Name]["ask"]): Promise<Calls[Name]["answer"]> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, ask } as Call);
    });
  }

  end(reason: unknown): void {
    this.#ended ??= reason;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  #receive(message: FromTrainer): void {
    if (message.kind !== "answer" && message.kind !== "failed") {
      this.#onEvent(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === "failed") pending?.reject(fromErrorRecord(message.error));
    else pending?.resolve(message.answer as never);
  }
}

class PageTrainer implements Trainer {
  readonly facts: TrainerFacts;
  readonly #worker: TrainerWorker;
  readonly #release: () => void;

  constructor(worker: TrainerWorker, facts: TrainerFacts, release: () => void) {
    this.#worker = worker;
    this.facts = facts;
    this.#release = release;
  }

  train(): Promise<TrainingEnd> {
    return this.#worker.call("train", null);
  }

  /** A run that has ended has nothing to pause. */
  pause(): void {
    this.#worker.call("pause", null).catch(() => {});
  }

  resume(): void {
    this.#worker.call("resume", null).catch(() => {});
  }

  async stop(): Promise<void> {
    await this.#worker.call("stop", null);
  }

  save(): Promise<number> {
    return this.#worker.call("save", null);
  }

  async classify(picture: Blob, options: { topK?: number } = {}): Promise<ClassScore[]> {
    refuseUnknown(options, TRIAL_OPTIONS, "classify");
    const { topK = 5 } = options;
    if (!(picture instanceof Blob)) throw new VitrineError("usage/training", "classify takes a Blob or File");
    if (!Number.isInteger(topK) || topK < 1)
      throw new VitrineError("usage/number", `topK got ${topK}; allowed: a whole number, at least 1`);
    return this.#worker.call("classify", { picture, topK });
  }

  exportModel(which: "last" | "best" = "last"): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
    return this.#worker.call("export", which);
  }

  dispose(): void {
    this.#worker.end(new VitrineError("usage/disposed", "the trainer was disposed"));
    this.#release();
  }
}

/** A trainer that was disposed of gives its run back within this time. */
const LOCK_LIMIT_MS = 1_000;

/** Keeps other tabs from the run until the returned function is called. Throws `usage/run-in-use`. */
async function lockRun(run: string): Promise<() => void> {
  const { locks } = globalThis.navigator;
  if (!locks) return () => {};
  return new Promise((resolve, reject) => {
    const held = () => new Promise<void>((release) => resolve(release));
    locks
      .request(`vitrine run ${run}`, { signal: AbortSignal.timeout(LOCK_LIMIT_MS) }, held)
      .catch((cause) => {
        const text = `another tab, or another trainer of this page, has the run "${quote(run)}" open: close it, or name another run`;
        reject(new VitrineError("usage/run-in-use", text, { cause }));
      });
  });
}

async function openRequest(options: TrainerOptions): Promise<OpenRequest> {
  refuseUnknown(options, TRAINER_OPTIONS, "createTrainer");
  const { run = DEFAULT_RUN, resume = false, model, pictures = [], validation = [] } = options;
  const { trains = "head", settings = {}, device, threads = "auto", assets } = options;
  if (trains !== "head" && trains !== "all")
    throw new VitrineError("usage/bad-option", `trains got "${quote(String(trains))}"; allowed: head, all`);
  return {
    run,
    resume,
    // Training is in float32, whatever the files are kept in.
    model: model === undefined ? null : await modelRequest({ model, dtype: "float32" }),
    pictures: pictures.map(sent),
    validation: validation.map(sent),
    trains,
    settings,
    device: device ?? null,
    threads,
    assets: assets === undefined ? undefined : absolute(assets, "assets"),
  };
}

function eventsOf(options: TrainerOptions): (event: TrainerEvent) => void {
  return (event) => {
    if (event.kind === "progress") options.onProgress?.(event.progress);
    else if (event.kind === "kernels") options.onKernels?.(event.progress);
    else if (event.kind === "plan") options.onPlan?.(event.plan);
    else if (event.kind === "step") options.onStep?.(event.step);
    else if (event.kind === "evaluation") options.onEvaluation?.(event.evaluation);
    else options.onNotice?.(event.text);
  };
}

/**
 * Prepares a run in workers of this page, a new one or one that this origin keeps. Nothing is sent anywhere; the model is
 * fetched once. `train` starts it.
 *
 * Throws `usage/training` and `usage/bad-option` for pictures and settings that cannot be, `usage/out` where a run of
 * that name exists, `usage/run-in-use` where another tab trains it, `checkpoint/missing` where there is none to resume,
 * `data/too-few-samples`, `graph/memory` for a run that does not fit, `model/…`, `weights/…`, `network/…` and `device/…`
 * as a classifier does, `file/unwritable` where the origin's files are full, and `device/unsupported` in a page that
 * was not loaded over https or from localhost.
 *
 *     const trainer = await createTrainer({ model: "/models/deit/", pictures, onStep: ({ loss }) => console.log(loss) });
 *     await trainer.train();
 *     const files = await trainer.exportModel();
 */
export async function createTrainer(options: TrainerOptions): Promise<Trainer> {
  const signal = options.signal as AbortSignal | undefined;
  signal?.throwIfAborted();
  const request = await openRequest(options);
  // Without a promise of the browser, private files go first where a device is short of space.
  await globalThis.navigator.storage?.persist?.().catch(() => false);
  const release = await lockRun(request.run);
  const worker = new TrainerWorker(eventsOf(options));
  const abandon = () => worker.end(signal?.reason);
  signal?.addEventListener("abort", abandon);
  try {
    const trainer = new PageTrainer(worker, await worker.call("open", request), release);
    signal?.removeEventListener("abort", abandon);
    signal?.addEventListener("abort", () => {
      trainer
        .stop()
        .catch(() => {})
        .finally(() => trainer.dispose());
    });
    return trainer;
  } catch (error) {
    worker.end(error);
    release();
    throw error;
  }
}

/** The runs that this origin keeps, by name. */
export async function listRuns(): Promise<KeptRun[]> {
  const kept: KeptRun[] = [];
  for (const run of await RunFiles.names()) {
    const read = await (await RunFiles.open(run))?.newest("last");
    const summary = await read?.(SUMMARY_FILE);
    if (summary)
      kept.push({ run, ...(JSON.parse(new TextDecoder().decode(summary)) as Omit<KeptRun, "run">) });
  }
  return kept;
}

/** Removes a run that this origin keeps, with its pictures; one that does not exist is no error. */
export async function removeRun(run: string): Promise<void> {
  const release = await lockRun(run);
  try {
    await RunFiles.remove(run);
  } finally {
    release();
  }
}
