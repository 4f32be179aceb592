// Remote readers: the threads that read remote objects for the decode threads of a process.

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { VitrineError } from "../../../runtime/errors.js";
import { DEFAULT_READS_PER_WORKER, type RemoteCounts, type RemoteSettings } from "./contract.js";
import type { ReaderCommand, ReaderReport, ReaderThreadData } from "./reader-messages.js";

const SCRIPT = new URL("./reader-thread.js", import.meta.url);

/** A request takes 0.2 ms of CPU time by HTTP and 0.7 ms by the AWS SDK, and decoding a photo 3 ms. */
const WORKERS_PER_READER = 4;

const CLOSE_LIMIT_MS = 1_000;

const NO_COUNTS: RemoteCounts = { hits: 0, misses: 0, damagedBlocks: 0, requests: 0, bytes: 0 };

export class RemoteReaders {
  readonly #threads: Worker[];
  /** Requests for counts that wait for an answer, by their number. */
  readonly #counting = new Map<number, { thread: Worker; resolve: (counts: RemoteCounts) => void }>();
  /** An exit that has passed is not told again. */
  readonly #ended = new Map<Worker, Promise<void>>();
  readonly #dead = new Set<Worker>();
  #nextId = 0;
  #closed = false;
  #reportFailure: (error: VitrineError) => void = () => {};
  /** Resolves if a thread ends by itself; never after close(). */
  readonly failure = new Promise<VitrineError>((resolve) => {
    this.#reportFailure = resolve;
  });

  /** For `workers` decode threads. `onWarning` gets what concerns the operator, such as a full disk. */
  constructor(settings: RemoteSettings, workers: number, onWarning: (text: string) => void) {
    const readers = Math.max(1, Math.ceil(workers / WORKERS_PER_READER));
    const reads = Math.max(1, workers) * (settings.readsPerWorker ?? DEFAULT_READS_PER_WORKER);
    const workerData: ReaderThreadData = { settings, requests: Math.ceil(reads / readers) };
    // Threads of one process have one cache, and one warning is enough.
    const warned = new Set<string>();
    this.#threads = Array.from({ length: readers }, () => {
      const thread = new Worker(SCRIPT, { workerData });
      let reason = "it ended";
      thread.on("message", (message: ReaderReport) => {
        if (message.kind === "counts") this.#settleCount(message.id, message.counts);
        else if (!warned.has(message.text)) {
          warned.add(message.text);
          onWarning(message.text);
        }
      });
      thread.on("error", (error) => {
        reason = error.message;
      });
      const ended = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
      this.#ended.set(thread, ended);
      thread.on("exit", () => {
        this.#dead.add(thread);
        for (const [id, asked] of this.#counting)
          if (asked.thread === thread) this.#settleCount(id, NO_COUNTS);
        if (this.#closed) return;
        const text = `the thread that reads remote files ended: ${reason}`;
        this.#reportFailure(new VitrineError("data/worker-died", text));
      });
      return thread;
    });
  }

  /** A port to each thread, for a `RemoteClient` in any thread. */
  connect(): MessagePort[] {
    return this.#threads.map((thread) => {
      const { port1, port2 } = new MessageChannel();
      const command: ReaderCommand = { kind: "connect", port: port1 };
      thread.postMessage(command, [port1]);
      return port2;
    });
  }

  /** Sums over the threads. */
  async counts(): Promise<RemoteCounts> {
    const all = await Promise.all(this.#threads.map((thread) => this.#countsOf(thread)));
    const sum = (name: keyof RemoteCounts) => all.reduce((total, counts) => total + counts[name], 0);
    return {
      hits: sum("hits"),
      misses: sum("misses"),
      damagedBlocks: sum("damagedBlocks"),
      requests: sum("requests"),
      bytes: sum("bytes"),
    };
  }

  #countsOf(thread: Worker): Promise<RemoteCounts> {
    if (this.#dead.has(thread)) return Promise.resolve(NO_COUNTS);
    return new Promise((resolve) => {
      const id = this.#nextId++;
      this.#counting.set(id, { thread, resolve });
      const command: ReaderCommand = { kind: "count", id };
      thread.postMessage(command);
    });
  }

  #settleCount(id: number, counts: RemoteCounts): void {
    this.#counting.get(id)?.resolve(counts);
    this.#counting.delete(id);
  }

  /** Ends the threads once they have written what they fetched, or after a second. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      this.#threads.map(async (thread) => {
        const command: ReaderCommand = { kind: "close" };
        thread.postMessage(command);
        const timer = setTimeout(() => void thread.terminate(), CLOSE_LIMIT_MS);
        await this.#ended.get(thread);
        clearTimeout(timer);
      }),
    );
  }
}
