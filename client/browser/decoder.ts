// Decoder: pictures → model inputs, in a worker of their own. A picture that is dropped in mid-decode takes the worker
// with it: WebAssembly cannot be interrupted otherwise, and the next picture must not wait.

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

/** A decode that takes longer is worth a spare worker, which takes over at once where the picture is dropped. */
const SPARE_AFTER_MS = 100;

export class Decoder {
  /** Settles when the first worker has its module. Rejects with `file/not-found`, `network/unreachable`, `internal/worker`. */
  readonly opened: Promise<void>;
  readonly #assets: string | undefined;
  readonly #queue: TaskQueue<DecodeTask, DecodedInput>;
  #settleOpened!: { resolve(): void; reject(error: VitrineError): void };
  #worker: Worker;
  #spare: Worker | undefined;
  #spareTimer: ReturnType<typeof setTimeout> | undefined;
  /** Later workers need neither download nor compile it. */
  #module: WebAssembly.Module | undefined;

  constructor(assets: string | undefined) {
    this.#assets = assets;
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    this.#worker = this.#start();
    this.#queue = new TaskQueue({
      start: (id, task) => this.#run(id, task),
      interrupt: () => this.#replaceWorker(),
    });
  }

  /** The buffers of the source move to the worker. Throws what reading a picture throws, and the signal's reason. */
  decode(task: DecodeTask, signal: AbortSignal | undefined): Promise<Outcome<DecodedInput>> {
    return this.#queue.add(task, signal);
  }

  end(error: VitrineError): void {
    clearTimeout(this.#spareTimer);
    this.#worker.terminate();
    this.#spare?.terminate();
    this.#queue.end(error);
  }

  #start(): Worker {
    const worker = startWorker(
      () =>
        new Worker(new URL("./decode-worker.js", import.meta.url), {
          type: "module",
          name: "vitrine decoder",
        }),
      "./decode-worker.js",
      import.meta.url,
    );
    worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => this.#receive(data);
    worker.onerror = (event) => {
      if (worker === this.#worker) this.#recover(workerFailure("decode", event));
      else this.#spare = undefined;
    };
    const open: ToDecoder = { kind: "open", assets: this.#assets, module: this.#module };
    worker.postMessage(open);
    return worker;
  }

  #run(id: number, task: DecodeTask): void {
    const message: ToDecoder = { kind: "run", id, task };
    this.#worker.postMessage(message, contentsOf(task.source));
    clearTimeout(this.#spareTimer);
    this.#spareTimer = setTimeout(() => {
      this.#spare ??= this.#start();
    }, SPARE_AFTER_MS);
  }

  #receive(message: FromDecoder): void {
    if (message.kind === "opened") {
      this.#module = message.module;
      this.#settleOpened.resolve();
    } else if (message.kind === "open-failed") this.#settleOpened.reject(fromErrorRecord(message.error));
    else {
      clearTimeout(this.#spareTimer);
      this.#queue.finish(message);
    }
  }

  #replaceWorker(): void {
    clearTimeout(this.#spareTimer);
    this.#worker.terminate();
    this.#worker = this.#spare ?? this.#start();
    this.#spare = undefined;
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
