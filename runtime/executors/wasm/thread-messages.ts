// Thread messages: what the pool and its threads say to each other outside WebAssembly, once each way before the first
// run, and a word from the thread that ends a run.

/** Path under `dist/` of what a thread runs. */
export const POOL_THREAD = "runtime/executors/wasm/pool-thread.js";

/** The first and only message to a thread. */
export interface ThreadSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of the pool's control block. */
  control: number;
  /** Address of the thread's scratch. */
  scratch: number;
  /** The register block of the matrix product, as calibrated. */
  block: { rows: number; columns: number };
}

export type FromThread =
  | { kind: "ready" }
  /** A run is over; `unknown` is 0 or the place of an instruction that the kernels do not know. */
  | { kind: "finished"; unknown: number }
  | { kind: "failed"; reason: string };
