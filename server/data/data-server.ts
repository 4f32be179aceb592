// Data server: data set, decode workers, service and socket, put together and taken apart again.

import { Server } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { checkAddress } from "../../proto/address.js";
import { DATA_SERVICE } from "../../proto/data-service.js";
import { drainGrpc } from "../drain.js";
import { listen } from "../listen.js";
import { createLog } from "../log.js";
import type { BadSamples } from "./batch-maker.js";
import type { Dataset } from "./dataset.js";
import { openDataset } from "./open-dataset.js";
import { openDecodePool } from "./open-decode-pool.js";
import { createDataService, type DataService } from "./service.js";

export interface DataServerOptions {
  /** Folder of class folders, or a CSV list. */
  data: string;
  /** HOST:PORT, port 0 for a free one, or unix:PATH. */
  listen: string;
  /** Decode threads; 0 decodes in the serving thread. */
  workers: number;
  badSamples: BadSamples;
  /** Warnings to standard error by default. */
  log?: Logger;
}

export interface DataServer {
  /** Where clients find it, with the real port. */
  address: string;
  dataset: Dataset;
  service: DataService;
  /** Ends the streams, waits for what is being written, and stops the workers. */
  close(): Promise<void>;
}

/** A connection that has gone silent is noticed within half a minute. */
const SERVER_OPTIONS = { "grpc.keepalive_time_ms": 20_000, "grpc.keepalive_timeout_ms": 10_000 };

/** Throws what `openDataset` and `listen` throw; nothing is left running then. */
export async function startDataServer(options: DataServerOptions): Promise<DataServer> {
  checkAddress(options.listen);
  const log = options.log ?? createLog("data-server");
  const dataset = openDataset(options.data);
  if (dataset.otherFiles > 0)
    log.warn(`${dataset.path}: ${dataset.otherFiles} files are no .jpg or .jpeg and are left out`);
  const opened = await openDecodePool(options.workers);
  const service = createDataService({ dataset, ...opened, badSamples: options.badSamples, log });
  const server = new Server(SERVER_OPTIONS);
  server.addService(DATA_SERVICE, service.implementation);
  try {
    const address = await listen(server, options.listen);
    return {
      address,
      dataset,
      service,
      async close() {
        service.stop();
        await drainGrpc(server);
        await opened.pool.close();
      },
    };
  } catch (error) {
    server.forceShutdown();
    await opened.pool.close();
    throw error;
  }
}
