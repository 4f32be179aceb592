// Data server: data set, decode workers, service and socket, from start to close.

import { Server } from "@grpc/grpc-js";
import { type Logger, pino } from "pino";
import pretty from "pino-pretty";
import { checkAddress } from "../../proto/address.js";
import { DATA_SERVICE } from "../../proto/services.js";
import { drainGrpc } from "../drain.js";
import { listen } from "../listen.js";
import type { BadSamples } from "./batch-maker.js";
import type { Dataset } from "./dataset.js";
import { openDecodePool } from "./decode-pool.js";
import { openDataset } from "./open-dataset.js";
import { createDataService, type DataService } from "./service.js";

export interface DataServerOptions {
  /** Folder of class folders, or a CSV list. */
  data: string;
  /** HOST:PORT, port 0 for a free one, or unix:PATH. */
  listen: string;
  /** Decode threads; 0 decodes in the serving thread. */
  workers: number;
  badSamples: BadSamples;
  /** Default: warnings to standard error, other levels by the environment variable VITRINE_LOG. */
  log?: Logger;
}

export interface DataServer {
  /** The address that clients can use, with the real port. */
  address: string;
  dataset: Dataset;
  service: DataService;
  /** Ends the streams, waits for what is being written, and stops the workers. */
  close(): Promise<void>;
}

/**
 * A client that vanished is noticed after 11 minutes, and holds no more than its credit until then. A client that
 * computes on its event loop answers a ping only after its step, which may take minutes.
 */
const SERVER_OPTIONS = { "grpc.keepalive_time_ms": 60_000, "grpc.keepalive_timeout_ms": 600_000 };

/** Throws what `openDataset` and `listen` throw, and then leaves nothing running. */
export async function startDataServer(options: DataServerOptions): Promise<DataServer> {
  checkAddress(options.listen);
  const log = options.log ?? createLog();
  const dataset = openDataset(options.data);
  const { path, otherFiles } = dataset;
  if (otherFiles > 0) {
    const files = otherFiles === 1 ? "1 file is" : `${otherFiles} files are`;
    log.warn(`${path}: ${files} not .jpg or .jpeg and ${otherFiles === 1 ? "is" : "are"} ignored`);
  }
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

const STANDARD_ERROR = 2;

/**
 * The operator's log on standard error: readable lines on a terminal, JSON lines elsewhere. Warnings only, unless
 * VITRINE_LOG names another level.
 */
function createLog(): Logger {
  const options = { name: "data-server", level: process.env.VITRINE_LOG ?? "warn" };
  if (!process.stderr.isTTY) return pino(options, pino.destination({ dest: STANDARD_ERROR, sync: true }));
  return pino(options, pretty({ destination: STANDARD_ERROR, sync: true, ignore: "pid,hostname" }));
}
