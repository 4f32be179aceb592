// Data stages: how fast each stage of the data is by itself, and all of them together, measured for a few seconds each.

import { Server } from "@grpc/grpc-js";
import { pino } from "pino";
import { connectData } from "../../client/node/index.js";
import { encodePart, partsOf } from "../../proto/batch-codec.js";
import { DATA_SERVICE } from "../../proto/services.js";
import type { Batch, BatchSource } from "../../runtime/batches/batch-source.js";
import { createOrder, sampleAt } from "../../runtime/draw/order.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { mixBatch } from "../../runtime/image/mix-batch.js";
import { readPictureHeader, trainPicture } from "../../runtime/image/picture.js";
import { type Dataset, sampleLocation } from "../../server/data/dataset.js";
import { openDecodePool } from "../../server/data/decode-pool.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { readSample } from "../../server/data/read-sample.js";
import { DEFAULT_READS_PER_WORKER, type RemoteSource } from "../../server/data/remote/contract.js";
import { withRemoteSource } from "../../server/data/remote/remote-reader.js";
import { createDataService } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";
import type { ConnectionFlags } from "../security-options.js";
import type { DataFacts, ServerFacts } from "./data-facts.js";

export interface MeasureOptions {
  workers: number;
  batchSize: number;
  /** Side of the images in pixels. */
  size: number;
  /** For each measurement. */
  seconds: number;
}

const SEED = 1;

const now = (): number => performance.now() / 1000;

/** CPU time of this process, seconds. */
function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Seconds an image, by the clock and by CPU time. */
interface Cost {
  wall: number;
  cpu: number;
}

/** Of calls of `body`, each of which takes some images, for about `seconds`. */
async function costOf(seconds: number, body: (call: number) => Promise<number>): Promise<Cost> {
  await body(0);
  const [start, cpuStart] = [now(), cpuNow()];
  let images = 0;
  for (let call = 1; call === 1 || now() - start < seconds; call++) images += await body(call);
  return { wall: (now() - start) / images, cpu: (cpuNow() - cpuStart) / images };
}

/** Of a source, without its first batches, which connections and threads start with. */
async function costOfSource(
  source: BatchSource,
  seconds: number,
  onBatch: (batch: Batch) => void = () => {},
): Promise<Cost> {
  let [start, cpuStart] = [now(), cpuNow()];
  let images = 0;
  let seen = 0;
  for await (const batch of source.batches({ epoch: 0, batch: 0 })) {
    if (++seen <= 2) [start, cpuStart] = [now(), cpuNow()];
    else {
      images += batch.count;
      onBatch(batch);
      if (now() - start >= seconds) break;
    }
  }
  return { wall: (now() - start) / images, cpu: (cpuNow() - cpuStart) / images };
}

/** The recipe without what changes pixels after the resize. */
const plain = (recipe: AugmentationRecipe): AugmentationRecipe => ({
  ...recipe,
  autoAugment: null,
  colorJitter: 0,
  eraseProbability: 0,
  flip: 0,
});

/** Files that are decoded again and again: enough that no cache of the CPU holds them. */
const FILES = 48;

/** Reading, decoding, augmentation and mixing, in this thread. */
async function measureImages(
  dataset: Dataset,
  recipe: AugmentationRecipe,
  seconds: number,
  remote: RemoteSource | undefined,
) {
  const module = await createImageModule(nodeHost());
  const { fingerprint, samples } = dataset;
  const order = createOrder(module.math, { fingerprint, samples, seed: SEED, repeats: 1 });
  const placeOf = (call: number) => sampleAt(order, Math.floor(call / samples), call % samples);
  let bytes = 0;
  let files = 0;
  // A file that cannot be read is what `vitrine dataset check` is for.
  const readOne = async (call: number): Promise<Uint8Array | null> =>
    readSample(sampleLocation(dataset, placeOf(call).index), { remote }).catch(() => null);
  // As a decode thread does, which reads several samples from URLs at a time.
  const atOnce = dataset.remote ? (dataset.remote.readsPerWorker ?? DEFAULT_READS_PER_WORKER) : 1;
  const { wall: read } = await costOf(seconds, async (call) => {
    const calls = Array.from({ length: atOnce }, (_, i) => call * atOnce + i);
    for (const file of await Promise.all(calls.map(readOne))) bytes += file?.length ?? 0;
    files += atOnce;
    return atOnce;
  });
  const pixels = new Uint8Array(2 * recipe.size * recipe.size * 3);
  const into = pixels.subarray(0, pixels.length / 2);
  const pictures: { file: Uint8Array; header: ReturnType<typeof readPictureHeader> }[] = [];
  const { size } = recipe;
  for (let call = 0; call < Math.min(4 * FILES, samples) && pictures.length < FILES; call++) {
    const file = await readOne(call);
    if (!file) continue;
    try {
      const header = readPictureHeader(module, file);
      const draw = drawSample(module.math, { seed: SEED, epoch: 0, index: 0, repeat: 0 }, header, recipe);
      await trainPicture(module, file, draw, { size, into });
      pictures.push({ file, header });
    } catch (error) {
      if (!(error instanceof VitrineError)) throw error;
    }
  }
  if (pictures.length === 0)
    throw new VitrineError(
      "data/no-images",
      "none of the first images can be read: see vitrine dataset check",
    );
  const decodeWith = async (call: number, used: AugmentationRecipe): Promise<number> => {
    const { file, header } = pictures[call % pictures.length];
    const start = cpuNow();
    const key = { seed: SEED, epoch: 0, index: call, repeat: 0 };
    await trainPicture(module, file, drawSample(module.math, key, header, used), { size, into });
    return cpuNow() - start;
  };
  // In turn, so that what else the machine does falls on both alike.
  const times = { decode: 0, whole: 0 };
  let calls = 0;
  await costOf(2 * seconds, async (call) => {
    times.decode += await decodeWith(call, plain(recipe));
    times.whole += await decodeWith(call, recipe);
    calls++;
    return 1;
  });
  const decode = times.decode / calls;
  const augment = Math.max(0, times.whole / calls - decode);
  const mixes = { samples: [0, 1].map(() => ({ kind: "mixup", lambda: 0.3, box: null }) as const) };
  const { cpu: mix } = await costOf(seconds / 4, async () => {
    mixBatch(module, pixels, 2, size, mixes);
    return 2;
  });
  const area = pictures.reduce((sum, { header }) => sum + header.width * header.height, 0);
  return {
    stages: { read, decode, augment, mix },
    fileBytes: bytes / files,
    megapixels: area / pictures.length / 1e6,
  };
}

/** Batches over gRPC, made by `pool`. */
async function costOverGrpc(dataset: Dataset, pool: DecodePool, options: MeasureOptions): Promise<Cost> {
  const { batchSize, size, seconds } = options;
  const { pool: unused, math } = await openDecodePool(0);
  await unused.close();
  const service = createDataService({ badSamples: "skip", log: pino({ level: "silent" }) });
  service.open(dataset, { pool, math });
  const server = new Server();
  server.addService(DATA_SERVICE, service.implementation);
  const address = await listen(server, "127.0.0.1:0");
  const source = await connectData({ address, recipe: { ...DEIT_RECIPE, size }, batchSize, seed: SEED });
  try {
    return await costOfSource(source, seconds);
  } finally {
    await source.close();
    server.forceShutdown();
  }
}

/** A pool whose tasks are done at once: what remains is drawing, framing and sending. */
const nothingToDecode = (): DecodePool => ({
  run: async (task) => (task.kind === "training" ? task.samples.map(() => null) : [null]),
  allocate: (bytes) => new Uint8Array(bytes),
  blockedThreads: 0,
  failure: new Promise(() => {}),
  close: async () => {},
});

async function measureEncode({ batchSize, size, seconds }: MeasureOptions): Promise<number> {
  const labels = new Int32Array(batchSize);
  const floats = new Float32Array(batchSize);
  const pixels = new Uint8Array(batchSize * size * size * 3);
  const batch = { cursor: { epoch: 0, batch: 0 }, count: batchSize, size, labels, partnerLabels: labels };
  const { cpu } = await costOf(seconds / 4, async () => {
    const whole = { ...batch, lambdas: new Float64Array(batchSize), weights: floats, pixels };
    for (const part of partsOf(whole, 2 ** 20)) encodePart(part);
    return batchSize;
  });
  return cpu;
}

/** `say`: what is measured now. Throws what opening the data set throws, `data/too-few-samples`, `data/no-images`. */
export async function measureData(
  dataset: Dataset,
  options: MeasureOptions,
  say: (what: string) => void,
): Promise<DataFacts> {
  const { workers, batchSize, size, seconds } = options;
  const recipe = { ...DEIT_RECIPE, size };
  say("reading, decoding and augmenting in one thread");
  const { stages, fileBytes, megapixels } = await withRemoteSource(
    dataset.remote,
    DEFAULT_READS_PER_WORKER,
    (remote) => measureImages(dataset, recipe, seconds, remote),
  );
  say("sending");
  const encode = await measureEncode(options);
  const { cpu: wire } = await costOverGrpc(dataset, nothingToDecode(), options);
  say("all together");
  const common = { dataset, workers, recipe, batchSize, seed: SEED, badSamples: "skip" } as const;
  const source = await openPipeline(common);
  const together = await costOfSource(source, 2 * seconds).finally(() => source.close());
  say("all together, over gRPC");
  const { pool } = await openDecodePool(workers, dataset.remote);
  const overGrpc = await costOverGrpc(dataset, pool, { ...options, seconds: 2 * seconds }).finally(() =>
    pool.close(),
  );
  const cpu = { together: together.cpu, overGrpc: overGrpc.cpu };
  return {
    images: dataset.samples,
    workers,
    cores: nodeHost().cores(),
    batchSize,
    size,
    fileBytes,
    megapixels,
    stages: { ...stages, encode, wire },
    together: 1 / together.wall,
    overGrpc: 1 / overGrpc.wall,
    cpu,
  };
}

/** Throws what `connectData` throws. */
export async function measureServer(
  address: string,
  { batchSize, size, seconds, security }: MeasureOptions & { security?: ConnectionFlags },
  say: (what: string) => void,
): Promise<ServerFacts> {
  const start = performance.now();
  const recipe = { ...DEIT_RECIPE, size };
  const source = await connectData({ address, recipe, batchSize, seed: SEED, onNotice: say, ...security });
  try {
    const connectMs = performance.now() - start;
    const first = performance.now();
    for await (const _ of source.batches({ epoch: 0, batch: 0 })) break;
    const firstBatchMs = performance.now() - first;
    say("batches of the server");
    let transfer = 0;
    let waited = 0;
    const { wall } = await costOfSource(source, 4 * seconds, ({ waitSeconds, transferSeconds = 0 }) => {
      waited += waitSeconds;
      transfer += transferSeconds;
    });
    const { samples: images } = source.description;
    const fraction = waited > 0 ? transfer / waited : 0;
    return { address, images, batchSize, size, connectMs, firstBatchMs, rate: 1 / wall, transfer: fraction };
  } finally {
    await source.close();
  }
}
