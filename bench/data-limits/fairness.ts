// Fairness: how long batches of 8 take alone, and beside a client that reads batches of 512 as fast as it can.

import { connectData } from "../../client/node/index.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { start, startServer } from "./server.js";

const SMALL = 8;
const LARGE = 512;
const WARM_UP = 5;
const CLIENT = new URL("../data/wire-client.js", import.meta.url);
const FOREVER = "1000000";

export interface FairnessFigures {
  /** Milliseconds from batch to batch. */
  aloneMs: number;
  besideMs: number;
  ratio: number;
}

async function cycleMs(address: string, seed: number, batches: number): Promise<number> {
  const source = await connectData({ address, recipe: DEIT_RECIPE, batchSize: SMALL, seed });
  let count = 0;
  let began = 0;
  for await (const _ of source.batches({ epoch: 0, batch: 0 })) {
    if (++count === WARM_UP) began = performance.now();
    if (count === WARM_UP + batches) break;
  }
  await source.close();
  return (performance.now() - began) / batches;
}

/** `data`: a data set of at least 512 pictures. */
export async function measureFairness(data: string, batches: number): Promise<FairnessFigures> {
  const server = await startServer({ kind: "decode", data, images: LARGE, size: DEIT_RECIPE.size });
  try {
    const aloneMs = await cycleMs(server.address, 2, batches);
    const counts = [`${LARGE}`, `${DEIT_RECIPE.size}`, "1", FOREVER, "1"];
    const greedy = start(CLIENT, ["vitrine", server.address, ...counts]);
    try {
      // Its first batch is there, and more are in the making.
      await new Promise((resolve) => greedy.once("message", resolve));
      const besideMs = await cycleMs(server.address, 3, batches);
      return { aloneMs, besideMs, ratio: besideMs / aloneMs };
    } finally {
      greedy.kill("SIGKILL");
    }
  } finally {
    server.stop();
  }
}
