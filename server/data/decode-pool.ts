// Decode pool: decode tasks on worker threads, or one by one in the calling thread.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { DrawMath } from "../../runtime/draw/random.js";
import { VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { type DecodeOutcome, type DecodePool, runDecodeTask } from "./decode-task.js";
import { createWorkerPool } from "./worker-pool.js";

export interface OpenPool {
  pool: DecodePool;
  /** The draw functions of the image module, which the thread that plans batches needs. */
  math: DrawMath;
}

/** `workers` threads; 0 decodes in the calling thread. Throws `file/not-found` where image.wasm is not built. */
export async function openDecodePool(workers: number): Promise<OpenPool> {
  const module = await createImageModule(nodeHost());
  const pool = workers === 0 ? createInlinePool(module) : await createWorkerPool(workers);
  return { pool, math: module.math };
}

/** Tasks run sequentially in the calling thread, whose event loop turns between them. */
function createInlinePool(module: ImageModule): DecodePool {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    run(task, batch, signal) {
      const outcome = last.then(async (): Promise<DecodeOutcome> => {
        await nextTurn();
        if (closed) throw new VitrineError("data/pool-closed", "the decode pool was closed");
        signal.throwIfAborted();
        return runDecodeTask(module, task, batch);
      });
      last = outcome.catch(() => {});
      return outcome;
    },
    allocate: (bytes) => new Uint8Array(bytes),
    async close() {
      closed = true;
      await last;
    },
  };
}
