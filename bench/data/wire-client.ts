// Client of the data bench, a process of its own: reads batches and drops them. `local` makes them in this process.
//
// `node wire-client.js vitrine|bare|local ADDRESS IMAGES SIZE WARMUP BATCHES [WORKERS]`; for `local` ADDRESS is the data set.
// It sends the milliseconds to the first batch to its parent, "warm" after WARMUP batches, and at last the seconds and
// microseconds of CPU time of BATCHES more.

import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { connectData } from "../../client/node/index.js";
import { DATA_SERVICE } from "../../proto/services.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";

const [kind, address, ...numbers] = process.argv.slice(2);
const [images, size, warmUp, batches, workers] = numbers.map(Number);
const recipe = { ...DEIT_RECIPE, size };
const START = { epoch: 0, batch: 0 };

/** The window that our client asks HTTP/2 for. */
const WINDOW = 16 * 2 ** 20;

async function* ofVitrine(): AsyncGenerator<number> {
  const source = await connectData({ address, recipe, batchSize: images, seed: 1 });
  for await (const { pixels } of source.batches(START)) yield pixels.length;
}

async function* ofBareStream(): AsyncGenerator<number> {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc-node.flow_control_window": WINDOW,
  });
  const { path } = DATA_SERVICE.StreamBatches;
  const raw = (message: Buffer) => message;
  const call = client.makeBidiStreamRequest(path, raw, raw, new Metadata());
  call.write(Buffer.alloc(0));
  try {
    for await (const message of call) yield message.length;
  } finally {
    call.cancel();
    client.close();
  }
}

async function* ofThisProcess(): AsyncGenerator<number> {
  const dataset = await openDataset(address);
  const settings = { dataset, recipe, batchSize: images, seed: 1, workers };
  const source = await openPipeline({ ...settings, badSamples: "skip" });
  for await (const { pixels } of source.batches(START)) yield pixels.length;
}

const SOURCES = { vitrine: ofVitrine, bare: ofBareStream, local: ofThisProcess };
let received = 0;
let start = performance.now();
let before = process.cpuUsage();
for await (const bytes of SOURCES[kind as keyof typeof SOURCES]()) {
  if (bytes < images * size ** 2 * 3) throw new Error(`a batch of ${bytes} bytes`);
  received++;
  if (received === 1) process.send?.({ firstMs: performance.now() - start });
  if (received === warmUp) {
    process.send?.({ warm: true });
    start = performance.now();
    before = process.cpuUsage();
  }
  if (received === warmUp + batches) break;
}
const { user, system } = process.cpuUsage(before);
process.send?.({ seconds: (performance.now() - start) / 1000, microseconds: user + system });
setImmediate(() => process.exit());
