// Picture threads: decode pictures beside the serving thread, for all models of a server. A picture that takes too long
// ends its thread, and so does memory that a large one left behind; a spare thread then takes its place.

import { Worker } from "node:worker_threads";
import { fromErrorRecord, VitrineError } from "../../../runtime/errors.js";
import { recentSeconds } from "../engine/recent-seconds.js";
import type { PictureDecoder, PictureJob } from "./picture-decoder.js";
import {
  decoderClosed,
  pictureAbandoned,
  pictureExpired,
  pictureTooSlow,
  threadDied,
} from "./picture-failures.js";
import { PictureQueue } from "./picture-queue.js";
import type { WorkerData, WorkerRequest, WorkerResponse } from "./picture-worker.js";

const SCRIPT = new URL("./picture-worker.js", import.meta.url);

/**
 * More pixels than that (48 MiB as RGB, several times that while a progressive JPEG is decoded) are decoded one picture
 * at a time, whatever the number of threads. Photographs of most phones have fewer.
 */
const LARGE_PIXELS = 2 ** 24;

/** A photograph of 12 megapixels takes 37 to 73 MiB in the image module: its thread is kept. */
const KEEP_BYTES = 96 << 20;

/** What the image module takes besides three bytes a pixel: the file, and a progressive JPEG's coefficients. */
const EXTRA_MIB = 64;

/** A picture that nobody waits for any more ends its thread where it has taken so long: starting one takes 0.1 s. */
const ABANDONED_MS = 500;

/** After threads that died before they were ready. */
const RESTART_MS = 1_000;

export interface PictureThreadsOptions {
  /** Threads that decode; one more is kept as a spare. */
  threads: number;
  /** The largest `pixelLimit` of the jobs to come, for which a thread gets memory. */
  maxPixels: number;
  /** A thread that holds more bytes than that after a picture is replaced. Default 96 MiB. */
  keepBytes?: number;
}

export interface PictureThreads extends PictureDecoder {
  /** Threads that decode, and those that do so now. */
  load(): { threads: number; busy: number; queued: number };
  /** Threads that were replaced: for a picture that took too long, for memory, or because they died. */
  readonly replaced: number;
  /** Ends the threads; jobs in progress fail. */
  close(): Promise<void>;
}

/**
 * Half of the cores, since the model needs the others. Two at least: a large picture is decoded by one thread at a
 * time, and the other still decodes those of other callers.
 */
export function defaultDecodeThreads(cores: number): number {
  return Math.max(2, Math.floor(cores / 2));
}

interface Job extends PictureJob {
  id: number;
  /** When it arrived, by performance.now(). */
  since: number;
  isLarge: boolean;
  /** When its thread got it, by performance.now(). */
  started: number;
  isAbandoned: boolean;
  resolve(pixels: Uint8Array): void;
  reject(error: unknown): void;
}

interface Lane {
  worker: Worker;
  ready: boolean;
  job: Job | undefined;
  limit: NodeJS.Timeout | undefined;
}

class Pool implements PictureThreads {
  replaced = 0;
  readonly #options: PictureThreadsOptions;
  readonly #lanes = new Set<Lane>();
  /** Started, but not used before another one ends. */
  #spare: Lane | undefined;
  readonly #queue = new PictureQueue<Job>();
  readonly #large = new PictureQueue<Job>();
  readonly #seconds = recentSeconds();
  readonly #restarts = new Set<NodeJS.Timeout>();
  /** The last picture that was decoded was a large one. */
  #wasLarge = false;
  /** Threads that were told to end and have not. */
  #ending = 0;
  #nextId = 0;
  #closed = false;
  #settleStart: (error: VitrineError | null) => void = () => {};
  readonly started = new Promise<VitrineError | null>((resolve) => {
    this.#settleStart = resolve;
  });

  constructor(options: PictureThreadsOptions) {
    this.#options = options;
    for (let index = 0; index < options.threads; index++) this.#lanes.add(this.#start());
    this.#spare = this.#start();
  }

  decode(job: PictureJob): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(decoderClosed());
      const since = performance.now();
      const state = { id: this.#nextId++, since, isLarge: false, started: 0, isAbandoned: false };
      this.#queue.push({ ...job, ...state, resolve, reject });
      this.#assign();
    });
  }

  abandon(owner: object): void {
    for (const job of [...this.#queue.remove(owner), ...this.#large.remove(owner)])
      job.reject(pictureAbandoned());
    for (const lane of this.#lanes) {
      const { job } = lane;
      if (job?.owner !== owner || job.isAbandoned) continue;
      job.isAbandoned = true;
      const left = ABANDONED_MS - (performance.now() - job.started);
      clearTimeout(lane.limit);
      lane.limit = setTimeout(() => this.#replace(lane, pictureAbandoned()), Math.max(0, left));
    }
  }

  expectedSeconds(count: number, priority: number, caller: string): number {
    const { busy, threads } = this.load();
    const isLarge = this.#large.size > 0 || [...this.#lanes].some(({ job }) => job?.isLarge);
    const pictures = this.#queue.ahead(priority, caller, count) + busy / 2 + count;
    return (pictures * this.#seconds.typical()) / Math.max(1, threads - (isLarge ? 1 : 0));
  }

  load(): { threads: number; busy: number; queued: number } {
    const busy = [...this.#lanes].filter(({ job }) => job !== undefined).length;
    return { threads: this.#options.threads, busy, queued: this.#queue.size + this.#large.size };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const restart of this.#restarts) clearTimeout(restart);
    this.#rejectWaiting(decoderClosed());
    const lanes = [...this.#lanes, ...(this.#spare ? [this.#spare] : [])];
    this.#lanes.clear();
    this.#spare = undefined;
    await Promise.all(
      lanes.map((lane) => {
        clearTimeout(lane.limit);
        lane.job?.reject(decoderClosed());
        return lane.worker.terminate();
      }),
    );
  }

  #start(): Lane {
    const { maxPixels, keepBytes = KEEP_BYTES } = this.#options;
    const memoryLimitMiB = EXTRA_MIB + Math.ceil((maxPixels * 3) / 2 ** 20);
    const workerData: WorkerData = { memoryLimitMiB, keepBytes, largePixels: LARGE_PIXELS };
    const worker = new Worker(SCRIPT, { workerData });
    const lane: Lane = { worker, ready: false, job: undefined, limit: undefined };
    let reason = "it ended";
    worker.on("message", (message: WorkerResponse) => this.#receive(lane, message));
    worker.on("error", (error) => {
      reason = error.message;
    });
    worker.on("exit", () => this.#ended(lane, threadDied(reason)));
    return lane;
  }

  #receive(lane: Lane, message: WorkerResponse): void {
    if (this.#closed) return;
    if (message.kind === "unusable") this.#ended(lane, fromErrorRecord(message.error));
    else if (message.kind === "ready") {
      lane.ready = true;
      // An idle thread does not keep the process alive.
      lane.worker.unref();
      if ([...this.#lanes].every(({ ready }) => ready)) this.#settleStart(null);
    } else {
      const { job } = lane;
      // A job that ended its thread was answered already.
      if (job?.id !== message.id) return;
      this.#leave(lane);
      this.#answer(job, message);
      if (message.kind !== "large" && message.isSwollen) this.#replace(lane);
    }
    this.#assign();
  }

  #answer(job: Job, message: Exclude<WorkerResponse, { kind: "ready" | "unusable" }>): void {
    if (message.kind === "large") {
      if (job.isAbandoned) job.reject(pictureAbandoned());
      else this.#large.push({ ...job, file: message.file, isLarge: true });
      return;
    }
    if (!job.isLarge) {
      this.#wasLarge = false;
      this.#seconds.add((performance.now() - job.started) / 1000);
    }
    if (message.kind === "done") {
      job.resolve(message.pixels);
      return;
    }
    const { code, message: text, details } = message.error;
    // A fault of the program: where it happened is known only in its thread.
    const isOurs = code === "image/trap" || code.startsWith("internal/");
    job.reject(
      new VitrineError(code, text, { details, ...(isOurs && { cause: new Error(message.stack ?? text) }) }),
    );
  }

  /** The lane's job has ended, or goes to another lane. */
  #leave(lane: Lane): void {
    clearTimeout(lane.limit);
    lane.limit = undefined;
    lane.job = undefined;
    lane.worker.unref();
  }

  #assign(): void {
    for (const lane of this.#lanes) {
      if (!lane.ready || lane.job !== undefined) continue;
      const job = this.#next();
      if (job === undefined) return;
      this.#run(lane, job);
    }
  }

  #next(): Job | undefined {
    for (;;) {
      const job = this.#takeLarge() ?? this.#queue.take();
      if (job === undefined || Date.now() <= job.deadline) return job;
      job.reject(pictureExpired());
    }
  }

  /** One at a time, and in the only thread not before others that wait. */
  #takeLarge(): Job | undefined {
    // A thread that ends may hold as much memory as a large picture takes.
    if (this.#ending > 0 || [...this.#lanes].some(({ job }) => job?.isLarge)) return undefined;
    if (this.#lanes.size === 1 && this.#wasLarge && this.#queue.size > 0) return undefined;
    const job = this.#large.take();
    if (job) this.#wasLarge = true;
    return job;
  }

  #run(lane: Lane, job: Job): void {
    lane.job = job;
    lane.worker.ref();
    lane.limit = setTimeout(() => this.#replace(lane, pictureTooSlow(job.timeoutMs)), job.timeoutMs);
    if (!job.isLarge) job.onStart();
    job.started = performance.now();
    const { id, transform, pixelLimit, isLarge } = job;
    // The file is a part of a message: its thread gets a copy of it alone, or back what it gave.
    const file = isLarge ? job.file : new Uint8Array(job.file);
    const request: WorkerRequest = { id, file, transform, pixelLimit, mayBeLarge: isLarge };
    lane.worker.postMessage(request, [file.buffer as ArrayBuffer]);
  }

  /** Ends a thread; its job, if it still has one, fails with `error`. */
  #replace(lane: Lane, error?: VitrineError): void {
    const { job } = lane;
    this.#leave(lane);
    if (!this.#lanes.delete(lane)) return;
    job?.reject(error);
    this.replaced++;
    this.#lanes.add(this.#spare ?? this.#start());
    this.#spare = this.#start();
    this.#ending++;
    void lane.worker.terminate().finally(() => {
      this.#ending--;
      this.#assign();
    });
    this.#assign();
  }

  /** A thread ended by itself. */
  #ended(lane: Lane, error: VitrineError): void {
    if (this.#closed) return;
    if (lane.ready && this.#lanes.has(lane)) {
      this.#replace(lane, error);
      return;
    }
    const wasSpare = this.#spare === lane;
    if (wasSpare) this.#spare = undefined;
    else if (!this.#lanes.delete(lane)) return;
    if (lane.ready) {
      this.#spare = this.#start();
      return;
    }
    // It could not start, and another may not either: later, when there is memory again.
    this.#settleStart(error);
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      if (this.#lanes.size < this.#options.threads) this.#lanes.add(this.#start());
      else this.#spare ??= this.#start();
    }, RESTART_MS);
    this.#restarts.add(restart);
    if (this.#lanes.size === 0) this.#rejectWaiting(error);
  }

  #rejectWaiting(error: VitrineError): void {
    for (const job of [...this.#queue.takeAll(), ...this.#large.takeAll()]) job.reject(error);
  }
}

/** Resolves when every thread is ready. Throws what prevents one from starting, such as `file/not-found`. */
export async function createPictureThreads(options: PictureThreadsOptions): Promise<PictureThreads> {
  const pool = new Pool(options);
  const failure = await pool.started;
  if (failure === null) return pool;
  await pool.close();
  throw failure;
}
