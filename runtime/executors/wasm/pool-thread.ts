// Pool thread: an instance of the shared kernels over the pool's memory. Enters WebAssembly once and stays there.

import type { ThreadPort } from "../../host/host.js";
import type { FromThread, ThreadSetup } from "./thread-messages.js";

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
