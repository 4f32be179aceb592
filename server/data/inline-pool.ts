// Inline pool: decode tasks one after the other in the calling thread, which gets to breathe between them.

import { setImmediate as nextTurn } from "node:timers/promises";
import { VitrineError } from "../../runtime/errors.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { DecodeOutcome, DecodePool } from "./decode-task.js";
import { runDecodeTask } from "./run-decode-task.js";

export function createInlinePool(module: ImageModule): DecodePool {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    run(task, batch, signal) {
      const turn = last.then(async (): Promise<DecodeOutcome> => {
        await nextTurn();
        if (closed) throw new VitrineError("data/pool-closed", "the decode pool was closed");
        signal.throwIfAborted();
        return runDecodeTask(module, task, batch);
      });
      last = turn.catch(() => {});
      return turn;
    },
    allocate: (bytes) => new Uint8Array(bytes),
    async close() {
      closed = true;
      await last;
    },
  };
}
