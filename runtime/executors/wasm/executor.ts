// The wasm executor: programs as tapes, run by the SIMD kernels of assembly/nn on one thread.

import { VitrineError } from "../../errors.js";
import { formatBytes } from "../../graph/planner.js";
import type { Program } from "../../graph/program.js";
import type { Host } from "../../host/host.js";
import type { Executable, Executor, Fusion, PlannerCapabilities, Store, StoreLayout } from "../executor.js";
import { Arena } from "./arena.js";
import { WasmExecutable } from "./executable.js";
import { type Kernels, loadKernels, type Relaxed } from "./kernels.js";
import { PIECE_ALIGNMENT } from "./linear-memory.js";
import { WasmStore } from "./store.js";

export interface WasmExecutorOptions {
  /** Fused multiply-add where the engine has it. Default `auto`. A checkpoint's bits depend on it. */
  relaxed?: Relaxed;
}

class WasmExecutor implements Executor {
  readonly device = "wasm";
  readonly description: string;
  readonly fusedMultiplyAdd: boolean;
  readonly #kernels: Kernels;
  readonly #arena: Arena;
  #disposed = false;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#arena = new Arena(kernels.memory);
    this.fusedMultiplyAdd = kernels.relaxed;
    this.description = `wasm: 128-bit SIMD${kernels.relaxed ? " with fused multiply-add" : ""}, one thread`;
  }

  /** What is left of the 4 GiB counts, so that a program is refused before anything is allocated. */
  get capabilities(): PlannerCapabilities {
    return {
      fuses: new Set<Fusion>(["linear-gelu", "linear-residual"]),
      alignmentBytes: PIECE_ALIGNMENT,
      limitBytes: this.#kernels.memory.bytesLeft,
    };
  }

  createStore(layout: StoreLayout): Store {
    this.#expectOpen();
    return new WasmStore(this.#kernels.memory, layout);
  }

  async compile(program: Program, stores: ReadonlyMap<string, Store>): Promise<Executable> {
    this.#expectOpen();
    return new WasmExecutable(this.#kernels, this.#arena, program, stores);
  }

  #expectOpen(): void {
    if (this.#disposed) throw new VitrineError("device/disposed", "the wasm executor was disposed of");
  }

  /** The memory itself goes when nothing made by the executor is referred to any more. */
  async dispose(): Promise<void> {
    this.#disposed = true;
  }

  toString(): string {
    return `${this.description}, ${formatBytes(this.#kernels.memory.bytesInUse)} in use`;
  }
}

/**
 * An executor of its own, with a memory of its own that grows up to wasm32's 4 GiB. Throws `file/not-found` where the
 * module was not built and `device/relaxed-simd` where `relaxed: true` cannot be had.
 */
export async function createWasmExecutor(host: Host, options: WasmExecutorOptions = {}): Promise<Executor> {
  return new WasmExecutor(await loadKernels(host, options.relaxed ?? "auto"));
}
