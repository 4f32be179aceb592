// Decode thread: the trainer's side of its decode worker. A task that takes too long, or kills the worker, ends the run
// with the names of its pictures.

import type { DecodeOutcome, SamplePool, SampleTask } from "../../../runtime/batches/sample-task.js";
import { fromErrorRecord, quote, VitrineError } from "../../../runtime/errors.js";
import { workerFailure } from "../worker-failure.js";
import type { FromDecoder, PictureLocation, ToDecoder } from "./messages.js";

/** Longest time of one task, from when it is the worker's next; two large pictures take a few seconds on a phone. */
const TASK_LIMIT_MS = 60_000;

interface Job {
  task: SampleTask<PictureLocation>;
  batch: Uint8Array;
  signal: AbortSignal;
  resolve(outcome: DecodeOutcome): void;
  reject(error: unknown): void;
}

const placesOf = (task: SampleTask<PictureLocation>): number[] =>
  task.kind === "evaluation" ? [task.place] : task.samples.flatMap(({ place }) => place ?? []);

const namesOf = (task: SampleTask<PictureLocation>): string => {
  const samples = task.kind === "evaluation" ? [task] : task.samples;
  return samples.map(({ location }) => quote(location.name)).join(" and ");
};

export class DecodeThread implements SamplePool<PictureLocation> {
  readonly #worker: Worker;
  readonly #queue: Job[] = [];
  #running: Job | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #ended: VitrineError | undefined;
  #nextId = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => this.#receive(data);
    worker.onerror = ({ message }) => this.#end(message ?? "its script could not be loaded");
  }

  /** Throws `file/not-found` where image.wasm is missing, `network/unreachable` and `internal/worker` for its script. */
  static open(start: () => Worker, assets: string | undefined): Promise<DecodeThread> {
    const worker = start();
    return new Promise((resolve, reject) => {
      const refuse = (error: VitrineError) => {
        worker.terminate();
        reject(error);
      };
      worker.onerror = (event) => refuse(workerFailure("decode", event));
      worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => {
        if (data.kind === "ready") resolve(new DecodeThread(worker));
        if (data.kind === "unusable") refuse(fromErrorRecord(data.error));
      };
      const message: ToDecoder = { kind: "start", assets };
      worker.postMessage(message);
    });
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  run(task: SampleTask<PictureLocation>, batch: Uint8Array, signal: AbortSignal): Promise<DecodeOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#queue.push({ task, batch, signal, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#running) return;
    const job = this.#queue.shift();
    if (!job) return;
    if (job.signal.aborted) {
      job.reject(job.signal.reason);
      this.#next();
      return;
    }
    this.#running = job;
    this.#limit = setTimeout(() => this.#end(`took longer than ${TASK_LIMIT_MS / 1000} s`), TASK_LIMIT_MS);
    const message: ToDecoder = { kind: "task", id: this.#nextId++, task: job.task };
    this.#worker.postMessage(message);
  }

  #receive(message: FromDecoder): void {
    const job = this.#running;
    if (!job || (message.kind !== "done" && message.kind !== "failed")) return;
    clearTimeout(this.#limit);
    this.#running = undefined;
    if (message.kind === "failed") job.reject(fromErrorRecord(message.error));
    else {
      const { task, batch } = job;
      const size = task.kind === "training" ? task.recipe.size : task.size;
      const bytes = size * size * 3;
      for (const [i, place] of placesOf(task).entries())
        batch.set(message.pixels.subarray(i * bytes, (i + 1) * bytes), place * bytes);
      job.resolve(message.outcome);
    }
    this.#next();
  }

  #end(reason: string): void {
    clearTimeout(this.#limit);
    this.#worker.terminate();
    const which = this.#running ? `${namesOf(this.#running.task)}: ` : "";
    this.#ended ??= new VitrineError("data/worker-died", `${which}the decode worker ended: ${quote(reason)}`);
    const jobs = this.#running ? [this.#running, ...this.#queue] : this.#queue;
    for (const { reject } of jobs.splice(0)) reject(this.#ended);
    this.#queue.length = 0;
    this.#running = undefined;
  }
}
