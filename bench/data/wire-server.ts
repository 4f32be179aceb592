// Server of the data bench, a process of its own. `replay`: our data service with batches that cost nothing but filling
// fresh memory; `bare`: a bare grpc-js stream of as many fresh bytes; `decode`: a data server as users start it. It
// answers each message on its parent's channel with its CPU time in microseconds and its resident memory in bytes, and a
// data server with the bytes that it counts on --memory.
//
// `node wire-server.js replay|bare|decode DATA IMAGES SIZE WORKERS [MEMORY]`; DATA is a data set of at least IMAGES
// pictures, MEMORY in bytes.

import { Server, type ServerDuplexStream } from "@grpc/grpc-js";
import { pino } from "pino";
import { DATA_SERVICE } from "../../proto/services.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { startDataServer } from "../../server/data/data-server.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { createDataService } from "../../server/data/service.js";
import { listen } from "../../server/listen.js";

const [kind, data, images, size, workers, memory] = process.argv.slice(2);
let countedBytes = (): number => 0;
const imageBytes = Number(size) ** 2 * 3;
const batchBytes = Number(images) * imageBytes;

/** Fills each image's place, so that the bytes of every batch are written afresh, as decoding does. */
function replayingPool(): DecodePool {
  let value = 0;
  // Shared memory is filled a byte at a time, but copied to a word at a time, as decode workers do.
  const variants = [0, 1, 2, 3].map((number) => new Uint8Array(imageBytes).fill(number));
  return {
    async run(task, batch) {
      if (task.kind !== "training") throw new Error("the bench only trains");
      for (const { place } of task.samples)
        if (place !== null) batch.set(variants[++value & 3], place * imageBytes);
      return task.samples.map(() => null);
    },
    allocate: (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)),
    blockedThreads: 0,
    failure: new Promise(() => {}),
    async close() {},
  };
}

async function serveReplay(server: Server): Promise<void> {
  const { math } = await createImageModule(nodeHost());
  const service = createDataService({ badSamples: "fail", log: pino({ level: "silent" }) });
  server.addService(DATA_SERVICE, service.implementation);
  service.open(await openDataset(data), { pool: replayingPool(), math });
}

function serveBareStream(server: Server): void {
  const raw = (message: Buffer) => message;
  const definition = { ...DATA_SERVICE.StreamBatches, responseSerialize: raw, responseDeserialize: raw };
  server.addService({ StreamBatches: definition } as never, {
    StreamBatches: (call: ServerDuplexStream<unknown, Buffer>) => {
      let value = 0;
      const send = (): void => {
        const message = Buffer.allocUnsafe(batchBytes);
        for (let at = 0; at < batchBytes; at += imageBytes) message.fill(++value & 255, at, at + imageBytes);
        if (!call.cancelled) call.write(message, send);
      };
      call.on("data", () => {});
      call.on("end", () => call.end());
      call.on("error", () => {});
      send();
    },
  });
}

async function serve(): Promise<string> {
  if (kind === "decode") {
    const options = { data, listen: "127.0.0.1:0", workers: Number(workers), badSamples: "skip" } as const;
    const limits = memory === undefined ? {} : { memoryBytes: Number(memory) };
    const { address, service } = await startDataServer({ ...options, limits });
    countedBytes = () => service.bytesReserved() + service.bytesKept();
    return address;
  }
  const server = new Server();
  if (kind === "replay") await serveReplay(server);
  else serveBareStream(server);
  return listen(server, "127.0.0.1:0");
}

process.send?.({ address: await serve() });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  const resident = process.memoryUsage.rss();
  process.send?.({ microseconds: user + system, resident, counted: countedBytes() });
});
process.on("disconnect", () => process.exit());
