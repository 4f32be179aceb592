// Memory: a data server's resident memory over many batches, with as many streams as its --memory holds.

import { connectData } from "../../client/node/index.js";
import { batchCost } from "../../proto/credits.js";
import type { Batch } from "../../runtime/batches/batch-source.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";
import { startServer } from "./server.js";

const SIZE = 112;
const IMAGES = 8;
const MEMORY = 16 * 2 ** 20;
const SAMPLES = 40;
const START = { epoch: 0, batch: 0 };

export interface MemoryFigures {
  streams: number;
  batches: number;
  /** MB. */
  limit: number;
  /** The most that the server counted on its limit. */
  counted: number;
  /** Resident before the first stream, and after each fortieth of the batches. */
  idle: number;
  resident: number[];
}

/** `data`: small pictures. */
export async function measureMemory(data: string, batches: number): Promise<MemoryFigures> {
  const server = await startServer({ kind: "decode", data, images: IMAGES, size: SIZE, memory: MEMORY });
  const recipe = { ...DEIT_RECIPE, size: SIZE };
  const open: { next(): Promise<IteratorResult<Batch>>; close(): Promise<void> }[] = [];
  try {
    const { resident: idle } = await server.memory();
    const creditBytes = 3 * batchCost(IMAGES, SIZE);
    // A stream that does not fit is refused for good where its client does not wait.
    for (let seed = 0; ; seed++) {
      const options = { address: server.address, recipe, batchSize: IMAGES, seed, creditBytes };
      const source = await connectData({ ...options, timeoutSeconds: 0.1 });
      const iterator = source.batches(START)[Symbol.asyncIterator]();
      const stream = { next: () => iterator.next(), close: () => source.close() };
      const fits = await stream.next().then(
        () => true,
        (error) => {
          if (isVitrineError(error) && /are reserved/.test(error.message)) return false;
          throw error;
        },
      );
      if (!fits) {
        await stream.close();
        break;
      }
      open.push(stream);
    }
    const resident: number[] = [];
    let counted = 0;
    const every = Math.floor(batches / SAMPLES);
    for (let done = open.length + 1; done <= batches; done++) {
      await open[done % open.length].next();
      if (done % every !== 0) continue;
      const memory = await server.memory();
      counted = Math.max(counted, memory.counted);
      resident.push(memory.resident / 1e6);
    }
    return {
      streams: open.length,
      batches,
      limit: MEMORY / 1e6,
      counted: counted / 1e6,
      idle: idle / 1e6,
      resident,
    };
  } finally {
    for (const { close } of open) await close();
    server.stop();
  }
}
