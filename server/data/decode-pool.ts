// Decode pool: decode tasks on worker threads, or one by one in the calling thread. A thread that dies is replaced and
// its tasks run again: they are pure, so any thread writes the same bytes.

import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { DrawMath } from "../../runtime/draw/random.js";
import { fromErrorRecord, quote, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { type DecodeOutcome, type DecodePool, type DecodeTask, runDecodeTask } from "./decode-task.js";
import type { WorkerRequest, WorkerResponse } from "./decode-worker.js";

export interface OpenPool {
  pool: DecodePool;
  /** The draw functions of the image module, which the thread that plans batches needs. */
  math: DrawMath;
}

/** `workers` threads; 0 decodes in the calling thread. Throws `file/not-found` where image.wasm is not built. */
export async function openDecodePool(workers: number): Promise<OpenPool> {
  const module = await createImageModule(nodeHost());
  const pool = workers === 0 ? createInlinePool(module) : await createWorkerPool(workers);
  return { pool, math: module.math };
}

/** Tasks run sequentially in the calling thread, whose event loop turns between them. */
function createInlinePool(module: ImageModule): DecodePool {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    run(task, batch, signal) {
      const outcome = last.then(async (): Promise<DecodeOutcome> => {
        await nextTurn();
        if (closed) throw new VitrineError("data/pool-closed", "the decode pool was closed");
        signal.throwIfAborted();
        return runDecodeTask(module, task, batch);
      });
      last = outcome.catch(() => {});
      return outcome;
    },
    allocate: (bytes) => new Uint8Array(bytes),
    async close() {
      closed = true;
      await last;
    },
  };
}

const SCRIPT = new URL("./decode-worker.js", import.meta.url);

/** One that runs and one queued behind it, so that a busy main thread does not leave a worker idle. */
const TASKS_PER_WORKER = 2;

/**
 * A task that was running in this many threads when they died is what kills them; this many threads in a row dying
 * at startup means that none will start.
 */
const MAX_DEATHS = 3;

interface Job {
  id: number;
  task: DecodeTask;
  batch: SharedArrayBuffer;
  signal: AbortSignal;
  deaths: number;
  resolve: (outcome: DecodeOutcome) => void;
  reject: (error: unknown) => void;
}

/** A thread with the jobs assigned to it, oldest first. */
interface Lane {
  worker: Worker;
  ready: boolean;
  jobs: Job[];
}

export interface WorkerPool extends DecodePool {
  /** Threads that died and were replaced. */
  readonly replaced: number;
  /** The threads that are alive. */
  readonly threads: Worker[];
}

class Pool implements WorkerPool {
  replaced = 0;
  readonly #lanes = new Set<Lane>();
  readonly #queue: Job[] = [];
  #nextId = 0;
  /** Threads in a row that died before they were ready. */
  #failedStarts = 0;
  /** Why no task can run any more. */
  #broken: VitrineError | null = null;
  #settleStart: (error: VitrineError | null) => void = () => {};
  /** Resolves to null when every thread is ready, or to the error that prevents it. */
  readonly started = new Promise<VitrineError | null>((resolve) => {
    this.#settleStart = resolve;
  });

  constructor(workers: number) {
    for (let i = 0; i < workers; i++) this.#addLane();
  }

  get threads(): Worker[] {
    return [...this.#lanes].map(({ worker }) => worker);
  }

  run(task: DecodeTask, batch: Uint8Array, signal: AbortSignal): Promise<DecodeOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      const { buffer } = batch;
      if (!(buffer instanceof SharedArrayBuffer))
        return reject(new VitrineError("internal/memory", "a worker's batch must be in shared memory"));
      this.#queue.push({ id: this.#nextId++, task, batch: buffer, signal, deaths: 0, resolve, reject });
      this.#assign();
    });
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(new SharedArrayBuffer(bytes));
  }

  async close(): Promise<void> {
    this.#fail(new VitrineError("data/pool-closed", "the decode pool was closed"));
    const lanes = [...this.#lanes];
    this.#lanes.clear();
    await Promise.all(lanes.map(({ worker }) => worker.terminate()));
  }

  #addLane(): void {
    const worker = new Worker(SCRIPT);
    const lane: Lane = { worker, ready: false, jobs: [] };
    this.#lanes.add(lane);
    let reason = "it ended";
    worker.on("message", (message: WorkerResponse) => this.#receive(lane, message));
    worker.on("error", (error) => {
      reason = error.message;
    });
    worker.on("exit", () => this.#replace(lane, reason));
  }

  #receive(lane: Lane, message: WorkerResponse): void {
    if (message.kind === "unusable") this.#fail(fromErrorRecord(message.error));
    else if (message.kind === "ready") {
      lane.ready = true;
      this.#failedStarts = 0;
      if ([...this.#lanes].every(({ ready }) => ready)) this.#settleStart(null);
    } else {
      const index = lane.jobs.findIndex(({ id }) => id === message.id);
      const [job] = index < 0 ? [] : lane.jobs.splice(index, 1);
      if (message.kind === "done") job?.resolve(message.outcome);
      else job?.reject(fromErrorRecord(message.error));
    }
    this.#assign();
  }

  /** Moves queued jobs to the lanes with the fewest. */
  #assign(): void {
    for (;;) {
      const free = [...this.#lanes].filter(({ ready, jobs }) => ready && jobs.length < TASKS_PER_WORKER);
      if (free.length === 0) return;
      const job = this.#queue.shift();
      if (job === undefined) return;
      if (job.signal.aborted) {
        job.reject(job.signal.reason);
        continue;
      }
      const lane = free.reduce((least, other) => (other.jobs.length < least.jobs.length ? other : least));
      lane.jobs.push(job);
      const request: WorkerRequest = { id: job.id, task: job.task, batch: job.batch };
      lane.worker.postMessage(request);
    }
  }

  /** The oldest job of a dead thread is the one that was running; all its jobs return to the head of the queue. */
  #replace(lane: Lane, reason: string): void {
    if (!this.#lanes.delete(lane) || this.#broken) return;
    if (!lane.ready && ++this.#failedStarts >= MAX_DEATHS) {
      const text = `${MAX_DEATHS} decode workers died before they were ready: ${reason}`;
      this.#fail(new VitrineError("data/worker-died", text));
      return;
    }
    this.replaced++;
    const [running] = lane.jobs;
    if (running && ++running.deaths >= MAX_DEATHS) {
      lane.jobs.shift();
      running.reject(taskKillsWorkers(running, reason));
    }
    this.#queue.unshift(...lane.jobs);
    this.#addLane();
  }

  #fail(error: VitrineError): void {
    this.#broken ??= error;
    this.#settleStart(this.#broken);
    for (const lane of this.#lanes) for (const job of lane.jobs.splice(0)) job.reject(this.#broken);
    for (const job of this.#queue.splice(0)) job.reject(this.#broken);
  }
}

function filesOf(task: DecodeTask): string[] {
  if (task.kind === "training") return task.samples.map(({ file }) => file);
  return task.kind === "headers" ? task.files : [task.file];
}

function taskKillsWorkers({ task }: Job, reason: string): VitrineError {
  const files = filesOf(task);
  return new VitrineError(
    "data/worker-died",
    `${files.map(quote).join(" and ")}: ${MAX_DEATHS} decode workers died decoding it (${reason}); ` +
      "please report the file",
    { details: { file: files[0] } },
  );
}

/** Resolves when every thread is ready. Throws what prevents one from starting, such as `file/not-found`. */
export async function createWorkerPool(workers: number): Promise<WorkerPool> {
  const pool = new Pool(workers);
  const failure = await pool.started;
  if (failure === null) return pool;
  await pool.close();
  throw failure;
}
