// Inline pool: decode tasks one by one in the calling thread, for programs that want no threads.

import { setImmediate as nextTurn } from "node:timers/promises";
import { type DecodeOutcome, noStageSeconds } from "../../runtime/batches/sample-task.js";
import { VitrineError } from "../../runtime/errors.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { type DecodePool, runDecodeTask, startReading } from "./decode-task.js";
import type { RemoteClient } from "./remote/remote-client.js";

/** Tasks run sequentially in the calling thread, whose event loop turns between them. */
export function createInlinePool(module: ImageModule, remote: RemoteClient | undefined): DecodePool {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  let waiting = 0;
  const stages = noStageSeconds();
  return {
    run(task, batch, signal) {
      waiting++;
      const outcome = last.then(async (): Promise<DecodeOutcome> => {
        await nextTurn();
        if (closed) throw new VitrineError("data/pool-closed", "the decode pool was closed");
        signal.throwIfAborted();
        const options = { remote };
        return runDecodeTask(module, task, batch, options, startReading(task, options), stages);
      });
      last = outcome.catch(() => {}).finally(() => waiting--);
      return outcome;
    },
    allocate: (bytes) => new Uint8Array(bytes),
    load: () => ({ workers: 0, busy: 0, queued: waiting, stages }),
    blockedThreads: 0,
    failure: new Promise(() => {}),
    async close() {
      closed = true;
      await last;
      remote?.close();
    },
  };
}
