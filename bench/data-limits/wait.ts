// Wait: how long a trainer waits for batches that cost the server nothing, at a given time of a step.

import { setTimeout as delay } from "node:timers/promises";
import { connectData } from "../../client/node/index.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { median } from "../statistics.js";
import { startServer } from "./server.js";

const IMAGES = 64;
const WARM_UP = 20;

export interface WaitFigures {
  stepMs: number;
  batches: number;
  /** Fraction of the time that the trainer waited, over all batches and in the median. */
  dataWait: number;
  medianDataWait: number;
  /** Milliseconds from batch to batch. */
  cycleMs: number;
}

/**
 * A step leaves the event loop free, as one on a GPU does: the next batch is received meanwhile. `data`: a data set of at
 * least 64 pictures.
 */
export async function measureWait(data: string, stepMs: number, batches: number): Promise<WaitFigures> {
  const server = await startServer({ kind: "replay", data, images: IMAGES, size: DEIT_RECIPE.size });
  const source = await connectData({
    address: server.address,
    recipe: DEIT_RECIPE,
    batchSize: IMAGES,
    seed: 1,
  });
  try {
    const waits: number[] = [];
    let start = performance.now();
    let count = 0;
    for await (const { waitSeconds } of source.batches({ epoch: 0, batch: 0 })) {
      if (++count === WARM_UP) start = performance.now();
      if (count > WARM_UP) waits.push(1000 * waitSeconds);
      if (waits.length === batches) break;
      await delay(stepMs);
    }
    const total = performance.now() - start;
    const dataWait = waits.reduce((sum, wait) => sum + wait, 0) / total;
    const middle = median(waits);
    return {
      stepMs,
      batches,
      dataWait,
      medianDataWait: middle / (middle + stepMs),
      cycleMs: total / batches,
    };
  } finally {
    await source.close();
    server.stop();
  }
}
