// Pool thread: an instance of the shared kernels on the pool's memory, which enters WebAssembly once and stays there;
// and its messages: one each way before the first run, then one from the thread that ends a run.

import type { ThreadPort } from "../../host/host.js";

/** This module's path under `dist/`. */
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
  /** A run has ended; `unknown` is 0, or the position of an instruction that the kernels do not know. */
  | { kind: "finished"; unknown: number }
  | { kind: "failed"; reason: string };

interface ThreadExports {
  setBlock(rows: number, columns: number): void;
  setScratch(address: number): void;
  work(control: number): void;
}

export function start(port: ThreadPort): void {
  port.onMessage((message) => live(port, message as ThreadSetup));
}

function live(port: ThreadPort, setup: ThreadSetup): void {
  const send = (message: FromThread) => port.post(message);
  try {
    const finished = (unknown: number) => send({ kind: "finished", unknown });
    const instance = new WebAssembly.Instance(setup.module, { env: { memory: setup.memory, finished } });
    const { setBlock, setScratch, work } = instance.exports as unknown as ThreadExports;
    setBlock(setup.block.rows, setup.block.columns);
    setScratch(setup.scratch);
    send({ kind: "ready" });
    work(setup.control);
  } catch (error) {
    send({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
  }
}
