// The wasm executor: programs as bytecode, run by the SIMD kernels of assembly/nn on one thread or many.

import { formatBytes } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import type { PlanOptions, Program } from "../../graph/program.js";
import type { Host } from "../../host/host.js";
import type { Int8Matrix } from "../../weights/int8-matrix.js";
import type { Int8Store, ProgramStores, Store, StoreLayout, StoreOptions } from "../device-store.js";
import type { CalibratedBlock, CompileOptions, Executable, Executor } from "../executor.js";
import { calibrateInt8 } from "./calibrate-int8.js";
import { WasmExecutable } from "./executable.js";
import { WasmInt8Store } from "./int8-store.js";
import { type Kernels, loadKernels, type Relaxed } from "./kernels.js";
import { Arena, PIECE_ALIGNMENT } from "./linear-memory.js";
import { Mutex } from "./mutex.js";
import { WasmStore } from "./store.js";

export interface WasmExecutorOptions {
  /** Fused multiply-add where the engine has it. Default `auto`. A checkpoint's bits depend on it. */
  relaxed?: Relaxed;
  /** Threads that compute, or `auto`: as many as the host has cores. Default 1. No bit depends on it. */
  threads?: number | "auto";
  /**
   * Compute beside the calling thread even where `threads` is 1, so that its event loop keeps running. Ignored where
   * the host cannot start threads. Default false. No bit depends on it.
   */
  background?: boolean;
}

/** An instruction at batch 1 has no more parts than this (197 tokens in rows of 12). */
const MAX_AUTOMATIC_THREADS = 16;
const MAX_THREADS = 256;

function resolveThreads(host: Host, wanted: number | "auto"): number {
  const canShare = host.spawnWorker !== undefined;
  if (wanted === "auto") return canShare ? Math.min(host.cores(), MAX_AUTOMATIC_THREADS) : 1;
  const details = { threads: wanted };
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAX_THREADS) {
    const text = `threads is ${wanted}; allowed: auto, or 1 to ${MAX_THREADS}${host.name === "node" ? " (--threads)" : ""}`;
    throw new VitrineError("device/threads", text, { details });
  }
  if (wanted > 1 && !canShare) {
    const text = `threads is ${wanted}, but threads share memory only in a page that is cross-origin isolated; allowed here: auto, 1`;
    throw new VitrineError("device/threads", text, { details });
  }
  return wanted;
}

class WasmExecutor implements Executor {
  readonly device = "wasm";
  readonly description: string;
  readonly fusedMultiplyAdd: boolean;
  readonly threads: number;
  readonly calibration: readonly CalibratedBlock[];
  readonly #kernels: Kernels;
  readonly #mutex = new Mutex();
  readonly #arena: Arena;
  #disposed = false;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#arena = new Arena(kernels.memory);
    this.fusedMultiplyAdd = kernels.relaxed;
    this.calibration = kernels.calibration;
    this.threads = kernels.threads;
    const threads = kernels.threads === 1 ? "one thread" : `${kernels.threads} threads`;
    this.description = `wasm: 128-bit SIMD${kernels.relaxed ? " with fused multiply-add" : ""}, ${threads}`;
  }

  /** The limit is what is left of the 4 GiB, so that a program is refused before anything is allocated. */
  get capabilities(): PlanOptions {
    return {
      fuses: new Set(["linear-gelu", "linear-residual"]),
      alignmentBytes: PIECE_ALIGNMENT,
      limitBytes: this.#kernels.memory.bytesLeft,
      rowSpans: true,
    };
  }

  createStore(layout: StoreLayout, { frozen = false }: StoreOptions = {}): Store {
    this.#expectOpen();
    return new WasmStore(this.#kernels.memory, this.#mutex, layout, frozen);
  }

  createInt8Store(matrices: ReadonlyMap<string, Int8Matrix>): Int8Store {
    this.#expectOpen();
    const { form } = this.#calibrateInt8();
    return new WasmInt8Store(this.#kernels.memory, this.#mutex, matrices, form);
  }

  int8Speedup(): number {
    this.#expectOpen();
    return this.#calibrateInt8().speedup;
  }

  #calibrateInt8() {
    return calibrateInt8(this.#kernels, this.fusedMultiplyAdd ? "relaxed" : "plain");
  }

  async compile(program: Program, stores: ProgramStores, options: CompileOptions = {}): Promise<Executable> {
    this.#expectOpen();
    return this.#mutex.run(
      async () => new WasmExecutable(this.#kernels, this.#mutex, this.#arena, program, stores, options),
    );
  }

  #expectOpen(): void {
    if (this.#disposed)
      throw new VitrineError("device/disposed", "the wasm executor was disposed: create a new one");
  }

  /** Stops the threads. The memory itself is freed when nothing refers to objects of the executor. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#kernels.dispose();
  }

  toString(): string {
    return `${this.description}, ${formatBytes(this.#kernels.memory.bytesInUse)} in use`;
  }
}

/**
 * A new executor, with its own memory that grows up to wasm32's 4 GiB. Throws `file/not-found` where the module was not
 * built, `device/relaxed-simd` where `relaxed: true` is not available, `device/threads` for an impossible number of
 * threads and `device/thread` where one does not start.
 */
export async function createWasmExecutor(host: Host, options: WasmExecutorOptions = {}): Promise<Executor> {
  const { relaxed = "auto", threads: wanted = 1, background = false } = options;
  const threads = resolveThreads(host, wanted);
  const pooled = threads > 1 || (background && host.spawnWorker !== undefined);
  try {
    return new WasmExecutor(await loadKernels(host, relaxed, threads, pooled));
  } catch (error) {
    // Shared memory reserves its 4 GiB of address space at once, which not every device provides.
    const isAsked = wanted !== "auto" && threads > 1;
    if (isAsked || !pooled || !(error instanceof RangeError)) throw error;
  }
  return new WasmExecutor(await loadKernels(host, relaxed, 1));
}
