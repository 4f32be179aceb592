// Decoder: pictures → model inputs, in a worker of their own. A picture that is dropped in mid-decode takes the worker
// with it, and the next one goes to a spare worker, which has been ready since before.

import { fromErrorRecord, type VitrineError } from "../../runtime/errors.js";
import type { DecodedInput, DecodeTask, FromDecoder, PictureSource, ToDecoder } from "./messages.js";
import { startWorker } from "./start-worker.js";
import { type Outcome, TaskQueue } from "./task-queue.js";
import { workerFailure } from "./worker-failure.js";

/** What moves to the worker instead of being copied. */
function contentsOf(source: PictureSource): Transferable[] {
  if (source.kind === "bitmap") return [source.bitmap];
  return [source.kind === "file" ? source.bytes.buffer : source.data.buffer];
}

/**
 * Milliseconds until a spare worker starts, where there is none: after an answer at once, so that it takes no time from
 * the first picture; where none is asked for, soon; at once beside a file that will take long; and beside any other
 * decode that turns out to take long.
 */
const SPARE_AFTER = { answer: 0, idle: 200, largeFile: 0, otherPicture: 100 } as const;
/** A JPEG of this size takes about 50 ms. */
const LARGE_FILE_BYTES = 1 << 20;

const isLargeFile = (source: PictureSource): boolean =>
  source.kind === "file" && source.bytes.length >= LARGE_FILE_BYTES;

interface DecodeThread {
  worker: Worker;
  /** Shared with the worker where the page may share memory: 1 ends its work. */
  stop: Int32Array | undefined;
}

/**
 * `terminate` alone leaves a worker of Chromium 2 s to finish what it is at: a dropped decode would take a core from the
 * next picture's model for as long.
 */
function endThread({ worker, stop }: DecodeThread): void {
  if (stop) Atomics.store(stop, 0, 1);
  worker.terminate();
}

export class Decoder {
  /** Settles when the first worker has its module. Rejects with `file/not-found`, `network/unreachable`, `internal/worker`. */
  readonly opened: Promise<void>;
  readonly #assets: string | undefined;
  readonly #queue: TaskQueue<DecodeTask, DecodedInput>;
  #settleOpened!: { resolve(): void; reject(error: VitrineError): void };
  #thread: DecodeThread;
  #spare: DecodeThread | undefined;
  #spareTimer: ReturnType<typeof setTimeout> | undefined;
  /** Later workers need neither download nor compile it. */
  #module: WebAssembly.Module | undefined;

  constructor(assets: string | undefined) {
    this.#assets = assets;
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    this.#thread = this.#start();
    this.#queue = new TaskQueue({
      start: (id, task) => this.#run(id, task),
      interrupt: () => this.#replaceWorker(),
    });
  }

  /** The buffers of the source move to the worker. Throws what reading a picture throws, and the signal's reason. */
  decode(task: DecodeTask, signal: AbortSignal | undefined): Promise<Outcome<DecodedInput>> {
    return this.#queue.add(task, signal);
  }

  /** Starts the spare worker, where there is none: after an answer, or when the model is there. */
  prepareSpare(after: "answer" | "idle"): void {
    this.#startSpareAfter(SPARE_AFTER[after]);
  }

  end(error: VitrineError): void {
    clearTimeout(this.#spareTimer);
    endThread(this.#thread);
    this.#dropSpare();
    this.#queue.end(error);
  }

  #start(): DecodeThread {
    const worker = startWorker(
      () =>
        new Worker(new URL("./decode-worker.js", import.meta.url), {
          type: "module",
          name: "vitrine decoder",
        }),
      "./decode-worker.js",
      import.meta.url,
    );
    const stop = globalThis.crossOriginIsolated ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
    const thread = { worker, stop };
    worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => this.#receive(thread, data);
    worker.onerror = (event) => {
      if (thread === this.#thread) this.#recover(workerFailure("decode", event));
      else this.#dropSpare();
    };
    const open: ToDecoder = { kind: "open", assets: this.#assets, module: this.#module, stop };
    worker.postMessage(open);
    return thread;
  }

  #run(id: number, task: DecodeTask): void {
    const message: ToDecoder = { kind: "run", id, task };
    const { source } = task;
    // Asked before the bytes have moved.
    const isLarge = isLargeFile(source);
    this.#thread.worker.postMessage(message, contentsOf(source));
    this.#startSpareAfter(isLarge ? SPARE_AFTER.largeFile : SPARE_AFTER.otherPicture);
  }

  #startSpareAfter(milliseconds: number): void {
    clearTimeout(this.#spareTimer);
    if (this.#spare) return;
    const start = () => {
      this.#spare ??= this.#start();
    };
    if (milliseconds === 0) start();
    else this.#spareTimer = setTimeout(start, milliseconds);
  }

  /** Without one, a picture is decoded all the same: the next worker starts when it is needed. */
  #dropSpare(): void {
    if (this.#spare) endThread(this.#spare);
    this.#spare = undefined;
  }

  #receive(thread: DecodeThread, message: FromDecoder): void {
    if (message.kind === "opened") {
      this.#module = message.module;
      this.#settleOpened.resolve();
    } else if (message.kind === "open-failed") {
      if (thread === this.#spare) this.#dropSpare();
      else this.#settleOpened.reject(fromErrorRecord(message.error));
    } else {
      this.#startSpareAfter(SPARE_AFTER.idle);
      this.#queue.finish(message);
    }
  }

  #replaceWorker(): void {
    endThread(this.#thread);
    this.#thread = this.#spare ?? this.#start();
    this.#spare = undefined;
    this.#startSpareAfter(SPARE_AFTER.idle);
  }

  /** Out of memory, for example: the picture failed, the next one gets a new worker. */
  #recover(error: VitrineError): void {
    this.#settleOpened.reject(error);
    // A worker that never opened would fail again.
    if (!this.#module) {
      this.end(error);
      return;
    }
    this.#replaceWorker();
    this.#queue.failRunning(error);
  }
}
