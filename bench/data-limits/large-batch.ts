// Large batches: the largest that can be asked for is served within --memory, or refused with a typed error.

import { connectData } from "../../client/node/index.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";
import { startServer } from "./server.js";

const MEMORY = 256 * 2 ** 20;

export interface LargeBatch {
  images: number;
  size: number;
  /** "served", or the code of the error. */
  outcome: string;
  /** Most resident memory of the server above what it had before, in MB; the limit is 268 MB. */
  grown: number;
}

/** `data`: at least 4,096 pictures. */
export async function measureLargeBatches(data: string): Promise<LargeBatch[]> {
  const server = await startServer({ kind: "decode", data, images: 4096, size: 32, memory: MEMORY });
  const outcomes: LargeBatch[] = [];
  try {
    const { resident: idle } = await server.memory();
    for (const [images, size] of [
      [4096, 64],
      [4096, 224],
      [4097, 64],
    ]) {
      let outcome = "served";
      let most = idle;
      try {
        const recipe = { ...DEIT_RECIPE, size };
        // One that waits for room would wait forever.
        const options = { address: server.address, recipe, batchSize: images, seed: 1, timeoutSeconds: 5 };
        const source = await connectData(options);
        let batches = 0;
        for await (const { count } of source.batches({ epoch: 0, batch: 0 })) {
          if (count !== images) throw new Error(`${count} images instead of ${images}`);
          most = Math.max(most, (await server.memory()).resident);
          if (++batches === 3) break;
        }
        await source.close();
      } catch (error) {
        if (!isVitrineError(error)) throw error;
        outcome = error.code;
      }
      outcomes.push({ images, size, outcome, grown: (most - idle) / 1e6 });
    }
    return outcomes;
  } finally {
    server.stop();
  }
}
