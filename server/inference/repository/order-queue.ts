// Order queue: what changes the models of a server is done one at a time, since loading takes memory and every core.
// Callers' orders wait in it up to a number, and leave it when their caller is gone or their deadline passes.

import { VitrineError } from "../../../runtime/errors.js";
import type { RequestLife } from "../../request-life.js";

/** Orders of callers that wait; a refused one costs its caller less than one that waits for minutes. */
const MOST_WAITING = 16;

/** Nobody can tell how long the models before it take to load. */
const RETRY_MS = 5_000;

/** Longest delay of a timer; a later deadline needs none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Waiting {
  start(): void;
  /** Absent: the server's own, which is neither counted nor refused. */
  refuse?: (error: VitrineError) => void;
}

function full(): VitrineError {
  const text = `${MOST_WAITING} orders to load or unload models are waiting; allowed: ${MOST_WAITING}. Try again later`;
  return new VitrineError("network/queue-full", text, {
    details: { maxQueue: MOST_WAITING, retryAfterMs: RETRY_MS },
  });
}

const stopping = () =>
  new VitrineError("network/draining", "the server is stopping: its models stay as they are");

export class OrderQueue {
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** Runs what the server itself has to do, after all that was asked for before. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => this.#add({ start: () => this.#start(work, resolve, reject) }));
  }

  /**
   * Runs a caller's order after all that was asked for before. One that has begun is finished, whether its caller waits
   * or not. Throws `network/queue-full`, `network/deadline`, `network/canceled`, `network/draining`.
   */
  async order<Result>(work: () => Promise<Result>, { deadline, signal }: RequestLife): Promise<Result> {
    if (this.#closed) throw stopping();
    const canceled = () => new VitrineError("network/canceled", "the caller canceled the order");
    const late = () =>
      new VitrineError("network/deadline", "the deadline passed before the order's turn came");
    if (signal.aborted) throw canceled();
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) throw late();
    if (this.#running && this.#waiting.filter(({ refuse }) => refuse).length >= MOST_WAITING) throw full();
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", cancel);
      };
      const waiting: Waiting = {
        start: () => {
          leave();
          this.#start(work, resolve, reject);
        },
        refuse: (error) => {
          leave();
          this.#waiting = this.#waiting.filter((other) => other !== waiting);
          reject(error);
        },
      };
      const cancel = () => waiting.refuse?.(canceled());
      signal.addEventListener("abort", cancel, { once: true });
      if (leftMs <= MAX_TIMER_MS) timer = setTimeout(() => waiting.refuse?.(late()), leftMs);
      this.#add(waiting);
    });
  }

  #add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (!this.#running) this.#next();
  }

  #next(): void {
    this.#waiting.shift()?.start();
  }

  #start<Result>(
    work: () => Promise<Result>,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ): void {
    // In a turn of its own: the caller has the promise before the work begins.
    this.#running = Promise.resolve()
      .then(work)
      .then(resolve, reject)
      .then(() => {
        this.#running = undefined;
        this.#next();
      });
  }

  /** Refuses the callers' orders, those that wait and those to come. */
  close(): void {
    this.#closed = true;
    for (const { refuse } of [...this.#waiting]) refuse?.(stopping());
  }

  /** Resolves when what runs has ended. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }
}
