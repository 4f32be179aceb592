// Thread pool: the host's side of assembly/nn/pool.ts. Starts the threads, passes them bytecode, and detects when one
// dies.
//
// The calling thread does not compute. A page's main thread may not block, and a server's must handle other requests;
// computing on it would save one message per run, about 50 µs.

import { VitrineError } from "../../errors.js";
import type { Host, HostWorker } from "../../host/host.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import { type FromThread, POOL_THREAD, type ThreadSetup } from "./pool-thread.js";

/** Parts of an instruction per thread: enough to balance the load when threads are preempted. */
const PARTS_PER_THREAD = 4;

/** A single thread has no load to balance. */
const partsFor = (threads: number): number => (threads === 1 ? 1 : PARTS_PER_THREAD * threads);

export interface SharedKernels {
  module: WebAssembly.Module;
  memory: LinearMemory;
  block: ThreadSetup["block"];
  controlBytes(): number;
  scratchBytes(): number;
  begin(control: number, bytecode: number, parts: number): void;
}

interface Run {
  done(unknown: number): void;
  failed(error: VitrineError): void;
}

export class ThreadPool {
  readonly #kernels: SharedKernels;
  readonly #workers: HostWorker[] = [];
  readonly #pieces: Piece[] = [];
  readonly #control: Piece;
  #run: Run | undefined;
  /** Why no further run can start. */
  #over: VitrineError | undefined;

  private constructor(kernels: SharedKernels) {
    this.#kernels = kernels;
    this.#control = this.#allocate(kernels.controlBytes(), "the control block of the threads");
  }

  /** Resolves when every thread waits for work. Throws `device/thread` where one does not start. */
  static async start(host: Host, kernels: SharedKernels, threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(kernels);
    try {
      await Promise.all(Array.from({ length: threads }, () => pool.#startThread(host)));
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    for (const worker of pool.#workers) worker.keepProcessAlive(false);
    return pool;
  }

  #allocate(bytes: number, purpose: string): Piece {
    const piece = this.#kernels.memory.allocate(bytes, purpose);
    this.#pieces.push(piece);
    return piece;
  }

  #startThread(host: Host): Promise<void> {
    const worker = host.spawnWorker?.(POOL_THREAD);
    if (!worker)
      throw new VitrineError(
        "device/threads",
        "this host cannot start threads: set threads to 1 (--threads 1)",
      );
    this.#workers.push(worker);
    const { module, memory, block, scratchBytes } = this.#kernels;
    const scratch = this.#allocate(scratchBytes(), "scratch of a thread").address;
    return new Promise((resolve, reject) => {
      worker.onFailure((reason) => reject(this.#break(reason)));
      worker.onMessage((message) => {
        const said = message as FromThread;
        if (said.kind === "ready") resolve();
        else if (said.kind === "failed") reject(this.#break(said.reason));
        else this.finish(said.unknown);
      });
      const control = this.#control.address;
      worker.post({ module, memory: memory.memory, control, scratch, block } satisfies ThreadSetup);
    });
  }

  /** Called when the last part of the last instruction is done. */
  finish(unknown: number): void {
    const run = this.#run;
    this.#run = undefined;
    this.#workers[0]?.keepProcessAlive(false);
    run?.done(unknown);
  }

  /** A thread has died, perhaps with a part that it had claimed: no further run is possible. */
  #break(reason: string): VitrineError {
    this.#over ??= new VitrineError(
      "device/thread",
      `a thread of the wasm executor died (${reason}): its memory cannot be trusted: restart (--threads 1 runs without threads)`,
      { details: { reason } },
    );
    const run = this.#run;
    this.#run = undefined;
    for (const worker of this.#workers.splice(0)) void worker.terminate();
    run?.failed(this.#over);
    return this.#over;
  }

  /** 0, or the position of an instruction that the kernels do not know. One run at a time. Throws `device/thread`. */
  run(bytecode: number): Promise<number> {
    return new Promise((done, failed) => {
      if (this.#over) return failed(this.#over);
      this.#run = { done, failed };
      this.#workers[0]?.keepProcessAlive(true);
      this.#kernels.begin(this.#control.address, bytecode, partsFor(this.#workers.length));
    });
  }

  /** Stops the threads; a run in progress fails with `device/disposed`. */
  async dispose(): Promise<void> {
    this.#over ??= new VitrineError("device/disposed", "the wasm executor was disposed: create a new one");
    const run = this.#run;
    this.#run = undefined;
    await Promise.all(this.#workers.splice(0).map((worker) => worker.terminate()));
    run?.failed(this.#over);
    for (const piece of this.#pieces.splice(0)) this.#kernels.memory.release(piece);
  }
}
