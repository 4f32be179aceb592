// Pool thread: an instance of the shared kernels on the pool's memory, which enters WebAssembly once and stays there;
// and its messages: a few each way before the first run, then one from the thread that ends a run.

import type { ThreadPort } from "../../host/host.js";
import { timeBlocks } from "./time-blocks.js";

/** This module's path under `dist/`. */
export const POOL_THREAD = "runtime/executors/wasm/pool-thread.js";

/** The first message to a thread. */
interface ThreadSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of the pool's control block. */
  control: number;
  /** Address of the thread's scratch. */
  scratch: number;
}

export type ToThread =
  | ({ kind: "setup" } & ThreadSetup)
  /** Times bytecode with each register block of the matrix product. */
  | { kind: "time"; bytecode: number }
  /** The last message: the thread waits for runs from here on. `block`: as calibrated. */
  | { kind: "work"; block: { rows: number; columns: number } };

export type FromThread =
  /** The setup is done, or the thread is about to wait for runs. */
  | { kind: "ready" }
  | { kind: "timed"; milliseconds: number[] }
  /** A run has ended; `unknown` is 0, or the position of an instruction that the kernels do not know. */
  | { kind: "finished"; unknown: number }
  | { kind: "failed"; reason: string };

interface ThreadExports {
  run(bytecode: number): number;
  setBlock(rows: number, columns: number): void;
  setScratch(address: number): void;
  work(control: number): void;
}

export function start(port: ThreadPort): void {
  const send = (message: FromThread) => port.post(message);
  let thread: ReturnType<typeof setUp> | undefined;
  port.onMessage((message) => {
    try {
      const wanted = message as ToThread;
      if (wanted.kind === "setup") thread = setUp(wanted, send);
      else if (!thread) throw new Error("a message came before the setup");
      else if (wanted.kind === "time")
        send({ kind: "timed", milliseconds: timeBlocks(thread.exports, wanted.bytecode) });
      else {
        thread.exports.setBlock(wanted.block.rows, wanted.block.columns);
        send({ kind: "ready" });
        thread.exports.work(thread.control);
      }
    } catch (error) {
      send({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    }
  });
}

function setUp({ module, memory, control, scratch }: ThreadSetup, send: (message: FromThread) => void) {
  const finished = (unknown: number) => send({ kind: "finished", unknown });
  const instance = new WebAssembly.Instance(module, { env: { memory, finished } });
  const exports = instance.exports as unknown as ThreadExports;
  exports.setScratch(scratch);
  send({ kind: "ready" });
  return { exports, control };
}
