// Streams: many at once, each with a recipe's seed of its own, so that none shares a batch with another.

import { connectData } from "../../client/node/index.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { startServer } from "./server.js";

const SIZE = 32;
const IMAGES = 4;

export interface StreamsFigures {
  streams: number;
  /** That had their first and their second batch. */
  first: number;
  second: number;
  /** From connecting to the first batch of the last stream. */
  firstSeconds: number;
  /** Resident memory of the server before the first stream and with all of them, in MB. */
  idle: number;
  most: number;
}

export async function measureStreams(data: string, streams: number): Promise<StreamsFigures> {
  const server = await startServer({ kind: "decode", data, images: IMAGES, size: SIZE });
  const recipe = { ...DEIT_RECIPE, size: SIZE };
  const { resident: idle } = await server.memory();
  const start = performance.now();
  let first = 0;
  let second = 0;
  let firstSeconds = 0;
  let most = idle;
  let everyoneHasOne = (): void => {};
  const all = new Promise<void>((resolve) => {
    everyoneHasOne = resolve;
  });
  const readTwo = async (seed: number): Promise<void> => {
    const source = await connectData({ address: server.address, recipe, batchSize: IMAGES, seed });
    const batches = source.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
    await batches.next();
    firstSeconds = (performance.now() - start) / 1000;
    if (++first === streams) everyoneHasOne();
    // So that all are open at once.
    await all;
    await batches.next();
    second++;
    await source.close();
  };
  try {
    const reading = Promise.all(Array.from({ length: streams }, (_, seed) => readTwo(seed)));
    await Promise.race([all, reading]);
    most = (await server.memory()).resident;
    await reading;
    return { streams, first, second, firstSeconds, idle: idle / 1e6, most: most / 1e6 };
  } finally {
    server.stop();
  }
}
