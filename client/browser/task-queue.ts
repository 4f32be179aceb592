// Task queue: the tasks of a worker, one at a time in order. A task can be dropped while it waits and while it runs.

import { fromErrorRecord, VitrineError } from "../../runtime/errors.js";
import type { Finished } from "./messages.js";

/** The worker behind a queue. */
interface Runner<Task> {
  /** Throws where the task cannot be sent. */
  start(id: number, task: Task): void;
  /** Ends the task in progress, so that the next can start. Without it, a dropped task runs to its end unheard. */
  interrupt?(): void;
}

interface Entry<Task, Result> {
  id: number;
  task: Task;
  added: number;
  started: number;
  resolve(outcome: Outcome<Result>): void;
  reject(reason: unknown): void;
}

/** The result of a task, and the milliseconds that it waited and ran. */
export interface Outcome<Result> {
  result: Result;
  waited: number;
  ran: number;
}

export class TaskQueue<Task, Result> {
  readonly #runner: Runner<Task>;
  readonly #waiting: Entry<Task, Result>[] = [];
  #running: Entry<Task, Result> | undefined;
  #nextId = 0;
  #ended: VitrineError | undefined;

  constructor(runner: Runner<Task>) {
    this.#runner = runner;
  }

  /** Throws what the task throws, the signal's reason, and the error with which the queue was ended. */
  async add(task: Task, signal?: AbortSignal): Promise<Outcome<Result>> {
    signal?.throwIfAborted();
    if (this.#ended) throw this.#ended;
    let drop = () => {};
    const outcome = new Promise<Outcome<Result>>((resolve, reject) => {
      const entry = { id: this.#nextId++, task, added: performance.now(), started: 0, resolve, reject };
      drop = () => this.#drop(entry, signal?.reason);
      this.#waiting.push(entry);
    });
    signal?.addEventListener("abort", drop);
    this.#next();
    try {
      return await outcome;
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  /** The worker's answer; that to a task which was interrupted is ignored. */
  finish(answer: Finished<Result>): void {
    const entry = this.#running;
    if (entry?.id !== answer.id) return;
    this.#running = undefined;
    if (answer.kind === "failed") entry.reject(fromErrorRecord(answer.error));
    else {
      const { added, started } = entry;
      const [waited, ran] = [started - added, performance.now() - started];
      entry.resolve({ result: answer.result, waited, ran });
    }
    this.#next();
  }

  /** Rejects the task in progress, whose worker has failed; the others stay. */
  failRunning(error: VitrineError): void {
    this.#running?.reject(error);
    this.#running = undefined;
    this.#next();
  }

  /** Rejects every task, and all later ones. */
  end(error: VitrineError): void {
    this.#ended ??= error;
    for (const { reject } of [...(this.#running ? [this.#running] : []), ...this.#waiting]) reject(error);
    this.#waiting.length = 0;
    this.#running = undefined;
  }

  #next(): void {
    if (this.#running || this.#ended) return;
    const entry = this.#waiting.shift();
    if (!entry) return;
    entry.started = performance.now();
    this.#running = entry;
    try {
      this.#runner.start(entry.id, entry.task);
    } catch (cause) {
      this.failRunning(unsendable(cause));
    }
  }

  #drop(entry: Entry<Task, Result>, reason: unknown): void {
    entry.reject(reason);
    if (entry !== this.#running) {
      const place = this.#waiting.indexOf(entry);
      if (place >= 0) this.#waiting.splice(place, 1);
    } else if (this.#runner.interrupt) {
      this.#running = undefined;
      this.#runner.interrupt();
      this.#next();
    }
  }
}

/** Browsers do not hand pixels of another origin to a worker. */
function unsendable(cause: unknown): VitrineError {
  const text =
    "the picture's pixels may not be read: it is of another origin, or was drawn from one; " +
    'load it with crossorigin="anonymous" from a server that allows this page';
  return new VitrineError("usage/picture", text, { cause });
}
