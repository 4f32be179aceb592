// Pool thread: an instance of the shared kernels over the pool's memory. Enters WebAssembly once and stays there.

import type { ThreadPort } from "../../host/host.js";

interface ThreadExports {
  setBlock(rows: number, columns: number): void;
  setScratch(address: number): void;
  work(control: number): void;
}

function live(port: ThreadPort, setup: ThreadSetup): void {
  const tell = (message: FromThread) => port.post(message);
  try {
    const finished = (unknown: number) => tell({ kind: "finished", unknown });
    const instance = new WebAssembly.Instance(setup.module, { env: { memory: setup.memory, finished } });
    const { setBlock, setScratch, work } = instance.exports as unknown as ThreadExports;
    setBlock(setup.block.rows, setup.block.columns);
    setScratch(setup.scratch);
    tell({ kind: "ready" });
    work(setup.control);
  } catch (error) {
    tell({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
  }
}

export function start(port: ThreadPort): void {
  port.onMessage((message) => live(port, message as ThreadSetup));
}

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
