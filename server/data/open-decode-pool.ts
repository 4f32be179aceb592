// Opens a decode pool: how many threads decode, and the draw math that the thread which plans batches needs.

import type { DrawMath } from "../../runtime/draw/random.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { DecodePool } from "./decode-task.js";
import { createInlinePool } from "./inline-pool.js";
import { createWorkerPool } from "./worker-pool.js";

export interface OpenPool {
  pool: DecodePool;
  math: DrawMath;
}

/** `workers` threads; 0 decodes in the calling thread. Throws `file/not-found` where image.wasm is not built. */
export async function openDecodePool(workers: number): Promise<OpenPool> {
  const module = await createImageModule(nodeHost());
  const pool = workers === 0 ? createInlinePool(module) : await createWorkerPool(workers);
  return { pool, math: module.math };
}
