// Thread pool: the host's side of assembly/nn/pool.ts. Starts the threads, passes them bytecode, and detects when one
// dies.
//
// The calling thread does not compute. A page's main thread may not block, and a server's must handle other requests;
// computing on it would save one message per run, about 50 µs.

import { VitrineError } from "../../errors.js";
import type { Host, HostWorker } from "../../host/host.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import { type FromThread, POOL_THREAD, type ToThread } from "./pool-thread.js";

/** Parts of an instruction per thread: enough to balance the load when threads are preempted. */
const PARTS_PER_THREAD = 4;

/** A single thread has no load to balance. */
const partsFor = (threads: number): number => (threads === 1 ? 1 : PARTS_PER_THREAD * threads);

export interface SharedKernels {
  module: WebAssembly.Module;
  memory: LinearMemory;
  controlBytes(): number;
  scratchBytes(): number;
  begin(control: number, bytecode: number, parts: number): void;
  positionIn(control: number): number;
}

interface Run {
  done(unknown: number): void;
  failed(error: VitrineError): void;
}

/** A thread, and what its next message settles before it works. */
interface Thread {
  worker: HostWorker;
  answered(message: FromThread): void;
  failed(error: VitrineError): void;
}

export class ThreadPool {
  readonly #kernels: SharedKernels;
  readonly #threads: Thread[] = [];
  readonly #pieces: Piece[] = [];
  readonly #control: Piece;
  #run: Run | undefined;
  /** Why no further run can start. */
  #over: VitrineError | undefined;

  private constructor(kernels: SharedKernels) {
    this.#kernels = kernels;
    this.#control = this.#allocate(kernels.controlBytes(), "the control block of the threads");
  }

  /** Resolves when every thread has an instance. Throws `device/thread` where one does not start. */
  static async start(host: Host, kernels: SharedKernels, threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(kernels);
    try {
      await Promise.all(Array.from({ length: threads }, () => pool.#startThread(host)));
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  /** Milliseconds of bytecode with each register block, on one of the threads; before `work`. Throws `device/thread`. */
  async timeBlocks(bytecode: number): Promise<number[]> {
    const answer = await this.#ask(this.#threads[0], { kind: "time", bytecode });
    return answer.kind === "timed" ? answer.milliseconds : [];
  }

  /** Resolves when every thread waits for runs. Throws `device/thread`. */
  async work(block: { rows: number; columns: number }): Promise<void> {
    const { rows, columns } = block;
    const message: ToThread = { kind: "work", block: { rows, columns } };
    await Promise.all(this.#threads.map((thread) => this.#ask(thread, message)));
    for (const { worker } of this.#threads) worker.keepProcessAlive(false);
  }

  #allocate(bytes: number, purpose: string): Piece {
    const piece = this.#kernels.memory.allocate(bytes, purpose);
    this.#pieces.push(piece);
    return piece;
  }

  #startThread(host: Host): Promise<FromThread> {
    const worker = host.spawnWorker?.(POOL_THREAD);
    if (!worker)
      throw new VitrineError(
        "device/threads",
        "this host cannot start threads: set threads to 1 (--threads 1)",
      );
    const thread: Thread = { worker, answered: () => {}, failed: () => {} };
    this.#threads.push(thread);
    worker.onFailure((reason) => this.#break(reason));
    worker.onMessage((message) => {
      const said = message as FromThread;
      if (said.kind === "failed") this.#break(said.reason);
      else if (said.kind === "finished") this.finish(said.unknown);
      else thread.answered(said);
    });
    const { module, memory, scratchBytes } = this.#kernels;
    const scratch = this.#allocate(scratchBytes(), "scratch of a thread").address;
    const control = this.#control.address;
    return this.#ask(thread, { kind: "setup", module, memory: memory.memory, control, scratch });
  }

  #ask(thread: Thread, message: ToThread): Promise<FromThread> {
    return new Promise((answered, failed) => {
      if (this.#over) return failed(this.#over);
      thread.answered = answered;
      thread.failed = failed;
      thread.worker.post(message);
    });
  }

  /** Called when the last part of the last instruction is done. */
  finish(unknown: number): void {
    const run = this.#run;
    this.#run = undefined;
    this.#threads[0]?.worker.keepProcessAlive(false);
    run?.done(unknown);
  }

  /** A thread has died, perhaps with a part that it had claimed: no further run is possible. */
  #break(reason: string): void {
    const over = (this.#over ??= new VitrineError(
      "device/thread",
      `a thread of the wasm executor died (${reason}): its memory cannot be trusted: restart (--threads 1 runs without threads)`,
      { details: { reason } },
    ));
    this.#end(over);
  }

  #end(over: VitrineError): Promise<unknown> {
    const run = this.#run;
    this.#run = undefined;
    const threads = this.#threads.splice(0);
    for (const { failed } of threads) failed(over);
    const ended = Promise.all(threads.map(({ worker }) => worker.terminate()));
    run?.failed(over);
    return ended;
  }

  /** 0, or the position of an instruction that the kernels do not know. One run at a time. Throws `device/thread`. */
  run(bytecode: number): Promise<number> {
    return new Promise((done, failed) => {
      if (this.#over) return failed(this.#over);
      this.#run = { done, failed };
      this.#threads[0]?.worker.keepProcessAlive(true);
      this.#kernels.begin(this.#control.address, bytecode, partsFor(this.#threads.length));
    });
  }

  /** Position of the instruction that is computed, 1 for the first: all before it are done. Of a run in progress. */
  position(): number {
    return this.#kernels.positionIn(this.#control.address);
  }

  /** Stops the threads; a run in progress fails with `device/disposed`. */
  async dispose(): Promise<void> {
    this.#over ??= new VitrineError("device/disposed", "the wasm executor was disposed: create a new one");
    await this.#end(this.#over);
    for (const piece of this.#pieces.splice(0)) this.#kernels.memory.release(piece);
  }
}
