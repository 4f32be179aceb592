// Decode pool: decode tasks on worker threads. Owners of tasks, such as streams, take turns, task by task. A thread that
// dies, or does not finish a task in time, is replaced and its tasks run again: they are pure, so any thread writes the
// same bytes.

import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { DecodeOutcome } from "../../runtime/batches/sample-task.js";
import { noStageSeconds } from "../../runtime/batches/sample-task.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { fromErrorRecord, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { FairQueue } from "../fair-queue.js";
import type { DecodePool, DecodeTask } from "./decode-task.js";
import type { WorkerData, WorkerRequest, WorkerResponse } from "./decode-worker.js";
import { createInlinePool } from "./inline-pool.js";
import { DEFAULT_READS_PER_WORKER, type RemoteSettings } from "./remote/contract.js";
import { RemoteClient } from "./remote/remote-client.js";
import { RemoteReaders } from "./remote/remote-readers.js";
import { addStages, type PoolLoad } from "./service-totals.js";
import { MAX_DEATHS, taskIsLate, taskKillsWorkers } from "./task-failures.js";

export interface OpenPool {
  pool: DecodePool;
  /** The draw functions of the image module, which the thread that plans batches needs. */
  math: DrawMath;
  /** Threads that read remote samples, where the data set is remote. */
  readers?: RemoteReaders | undefined;
}

/**
 * `workers` threads; 0 decodes in the calling thread. `remote`: how samples at URLs are read, where there are any.
 * `onWarning` hears what concerns the operator. Throws `file/not-found` where image.wasm is not built.
 */
export async function openDecodePool(
  workers: number,
  remote?: RemoteSettings,
  onWarning: (text: string) => void = process.emitWarning,
): Promise<OpenPool> {
  const module = await createImageModule(nodeHost());
  const readers = remote && new RemoteReaders(remote, workers, onWarning);
  try {
    const pool =
      workers === 0
        ? createInlinePool(module, readers && new RemoteClient(readers.connect()))
        : await createWorkerPool(workers, { readers, readsAhead: remote?.readsPerWorker });
    return { pool: readers ? withReaders(pool, readers) : pool, math: module.math, readers };
  } catch (error) {
    await readers?.close();
    throw error;
  }
}

/** A pool that ends its readers, too, and cannot run without them. */
function withReaders(pool: DecodePool, readers: RemoteReaders): DecodePool {
  return {
    run: (task, batch, signal, owner) => pool.run(task, batch, signal, owner),
    allocate: (bytes) => pool.allocate(bytes),
    load: () => pool.load?.() ?? { workers: 0, busy: 0, queued: 0, stages: noStageSeconds() },
    get blockedThreads() {
      return pool.blockedThreads;
    },
    failure: Promise.race([pool.failure, readers.failure]),
    async close() {
      await pool.close();
      await readers.close();
    },
  };
}

const SCRIPT = new URL("./decode-worker.js", import.meta.url);

/** One that runs and one behind it, whose files are being read; of remote samples there are more. */
const TASKS_PER_WORKER = 2;

/** This many threads in a row that die before they are ready mean that none will start. */
const MAX_FAILED_STARTS = 3;

/**
 * Longest time of one task. Reading and decoding two large pictures takes a second; a file on a network drive that does
 * not answer takes forever.
 */
const TASK_LIMIT_MS = 60_000;

/** After threads that died before they were ready, while others work. */
const RESTART_MS = 1_000;

/**
 * A thread makes few objects, and V8 would let each grow to 64 MB of them before it looks: 25 MB less a thread, at the
 * same CPU time.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 8 };

/** Threads that are blocked in the operating system do not end when they are told to. */
const CLOSE_LIMIT_MS = 2_000;

interface Job {
  id: number;
  task: DecodeTask;
  batch: SharedArrayBuffer;
  signal: AbortSignal;
  owner: object;
  deaths: number;
  resolve: (outcome: DecodeOutcome) => void;
  reject: (error: unknown) => void;
}

/** A thread with the jobs assigned to it, oldest first; `limit` runs while it has any. */
interface Lane {
  worker: Worker;
  ready: boolean;
  jobs: Job[];
  limit: NodeJS.Timeout | null;
}

export interface WorkerPool extends DecodePool {
  /** Threads that died and were replaced. */
  readonly replaced: number;
  /** The threads that are alive. */
  readonly threads: Worker[];
}

export interface WorkerPoolOptions {
  /** A thread that works on a task for longer is replaced. Default: a minute. */
  taskLimitMs?: number;
  /** The threads that read remote samples; without them, all samples are files. */
  readers?: RemoteReaders | undefined;
  /** Remote samples that a thread reads while it decodes another one. Default 24. */
  readsAhead?: number | undefined;
}

class Pool implements WorkerPool {
  replaced = 0;
  readonly #lanes = new Set<Lane>();
  /** Threads that were told to end and have not. */
  readonly #ending = new Map<Worker, Promise<unknown>>();
  readonly #queue = new FairQueue<Job>();
  readonly #stages = noStageSeconds();
  readonly #taskLimitMs: number;
  readonly #readers: RemoteReaders | undefined;
  readonly #tasksPerWorker: number;
  #nextId = 0;
  /** From the first late task on: a drive that does not answer may have taken threads of libuv. */
  #blockingReads = false;
  /** Threads in a row that died before they were ready. */
  #failedStarts = 0;
  readonly #restarts = new Set<NodeJS.Timeout>();
  /** Whether all threads were ready at once. */
  #hasStarted = false;
  /** Why no task can run any more. */
  #broken: VitrineError | null = null;
  #settleStart: (error: VitrineError | null) => void = () => {};
  #reportFailure: (error: VitrineError) => void = () => {};
  readonly failure = new Promise<VitrineError>((resolve) => {
    this.#reportFailure = resolve;
  });
  /** Resolves to null when every thread is ready, or to the error that prevents it. */
  readonly started = new Promise<VitrineError | null>((resolve) => {
    this.#settleStart = resolve;
  });

  constructor(workers: number, { taskLimitMs, readers, readsAhead }: WorkerPoolOptions) {
    this.#taskLimitMs = taskLimitMs ?? TASK_LIMIT_MS;
    this.#readers = readers;
    // A task has two samples.
    const ahead = readers ? Math.ceil((readsAhead ?? DEFAULT_READS_PER_WORKER) / 2) : 1;
    this.#tasksPerWorker = Math.max(TASKS_PER_WORKER, 1 + ahead);
    for (let i = 0; i < workers; i++) this.#addLane();
  }

  get threads(): Worker[] {
    return [...this.#lanes].map(({ worker }) => worker);
  }

  get blockedThreads(): number {
    return this.#ending.size;
  }

  run(
    task: DecodeTask,
    batch: Uint8Array,
    signal: AbortSignal,
    owner: object = signal,
  ): Promise<DecodeOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      const { buffer } = batch;
      if (!(buffer instanceof SharedArrayBuffer))
        return reject(new VitrineError("internal/memory", "a worker's batch must be in shared memory"));
      const job = { id: this.#nextId++, task, batch: buffer, signal, owner, deaths: 0, resolve, reject };
      this.#queue.push(owner, job);
      this.#assign();
    });
  }

  load(): PoolLoad {
    const lanes = [...this.#lanes];
    const busy = lanes.filter(({ jobs }) => jobs.length > 0).length;
    return { workers: lanes.length, busy, queued: this.#queue.size, stages: this.#stages };
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(new SharedArrayBuffer(bytes));
  }

  async close(): Promise<void> {
    this.#reportFailure = () => {};
    this.#fail(new VitrineError("data/pool-closed", "the decode pool was closed"));
    const lanes = [...this.#lanes];
    this.#lanes.clear();
    for (const lane of lanes) this.#end(lane);
    const ended = Promise.all(this.#ending.values());
    await Promise.race([ended, delay(CLOSE_LIMIT_MS, undefined, { ref: false })]);
  }

  #end({ worker, limit }: Lane): void {
    if (limit) clearTimeout(limit);
    this.#ending.set(
      worker,
      worker.terminate().finally(() => this.#ending.delete(worker)),
    );
  }

  /** A new task is the running one of its lane now. */
  #restartLimit(lane: Lane): void {
    if (lane.limit) clearTimeout(lane.limit);
    lane.limit = null;
    if (lane.jobs.length === 0) return;
    lane.limit = setTimeout(() => {
      this.#blockingReads = true;
      const seconds = this.#taskLimitMs / 1000;
      this.#replace(lane, `it took longer than ${seconds} s`, taskIsLate(lane.jobs[0].task, seconds));
      this.#end(lane);
    }, this.#taskLimitMs);
  }

  #addLane(): void {
    const readers = this.#readers?.connect() ?? [];
    const workerData: WorkerData = { readers };
    const worker = new Worker(SCRIPT, {
      workerData,
      transferList: readers,
      resourceLimits: RESOURCE_LIMITS,
    });
    const lane: Lane = { worker, ready: false, jobs: [], limit: null };
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
      if ([...this.#lanes].every(({ ready }) => ready)) {
        this.#hasStarted = true;
        this.#settleStart(null);
      }
    } else {
      const index = lane.jobs.findIndex(({ id }) => id === message.id);
      const [job] = index < 0 ? [] : lane.jobs.splice(index, 1);
      this.#restartLimit(lane);
      if (message.kind === "done") {
        addStages(this.#stages, message.stages);
        job?.resolve(message.outcome);
      } else job?.reject(fromErrorRecord(message.error));
    }
    this.#assign();
  }

  /** Moves queued jobs to the lanes with the fewest. */
  #assign(): void {
    for (;;) {
      const free = [...this.#lanes].filter(({ ready, jobs }) => ready && jobs.length < this.#tasksPerWorker);
      if (free.length === 0) return;
      const job = this.#queue.take();
      if (job === undefined) return;
      if (job.signal.aborted) {
        job.reject(job.signal.reason);
        continue;
      }
      const lane = free.reduce((least, other) => (other.jobs.length < least.jobs.length ? other : least));
      lane.jobs.push(job);
      if (lane.limit === null) this.#restartLimit(lane);
      const { id, task, batch } = job;
      const request: WorkerRequest = { id, task, batch, options: { blocking: this.#blockingReads } };
      lane.worker.postMessage(request);
    }
  }

  /** The oldest job of a dead thread is the one that was running; all its jobs return to the head of the queue. */
  #replace(lane: Lane, reason: string, late?: VitrineError): void {
    if (lane.limit) clearTimeout(lane.limit);
    if (!this.#lanes.delete(lane) || this.#broken) return;
    if (!lane.ready) this.#failedStarts++;
    const works = this.#hasStarted && [...this.#lanes].some(({ ready }) => ready);
    if (!lane.ready && this.#failedStarts >= MAX_FAILED_STARTS && !works) {
      const text = `${MAX_FAILED_STARTS} decode threads died before they were ready: ${reason}`;
      this.#fail(new VitrineError("data/worker-died", text));
      return;
    }
    this.replaced++;
    const [running] = lane.jobs;
    if (running && ++running.deaths >= MAX_DEATHS) {
      lane.jobs.shift();
      running.reject(late ?? taskKillsWorkers(running.task, reason));
    }
    for (const job of lane.jobs.toReversed()) this.#queue.putBack(job.owner, job);
    if (this.#failedStarts < MAX_FAILED_STARTS) this.#addLane();
    else this.#addLaneLater();
  }

  /** Others work, so a thread that cannot start now may start later. */
  #addLaneLater(): void {
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#addLane();
    }, RESTART_MS);
    this.#restarts.add(restart);
  }

  #fail(error: VitrineError): void {
    for (const restart of this.#restarts) clearTimeout(restart);
    this.#broken ??= error;
    this.#settleStart(this.#broken);
    this.#reportFailure(this.#broken);
    for (const lane of this.#lanes) for (const job of lane.jobs.splice(0)) job.reject(this.#broken);
    for (const job of this.#queue.takeAll()) job.reject(this.#broken);
  }
}

/**
 * Resolves when every thread is ready. Throws what prevents one from starting, such as `file/not-found`.
 */
export async function createWorkerPool(
  workers: number,
  options: WorkerPoolOptions = {},
): Promise<WorkerPool> {
  const pool = new Pool(workers, options);
  const failure = await pool.started;
  if (failure === null) return pool;
  await pool.close();
  throw failure;
}
