// Data server: socket, service, data set and decode threads, from start to close. It listens first, so that clients and
// health checks get an answer while a large data set is being listed.

import { Server } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { checkAddress } from "../../proto/address.js";
import { type BatchPart, encodePart } from "../../proto/batch-codec.js";
import { DATA_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICES } from "../../proto/services.js";
import { counted, describeOtherFiles } from "../../runtime/batches/class-counts.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import type { VitrineError } from "../../runtime/errors.js";
import { drainGrpc } from "../drain.js";
import { createHealth } from "../health.js";
import { listen } from "../listen.js";
import { createLog } from "../log.js";
import { createReflection } from "../reflection.js";
import { openSecurity, type ServerSecurity } from "../security.js";
import type { Dataset } from "./dataset.js";
import { type OpenPool, openDecodePool } from "./decode-pool.js";
import { type MetricsServer, startMetrics } from "./metrics.js";
import { openDatasetInThread } from "./open-in-thread.js";
import type { RemoteSettings } from "./remote/contract.js";
import { createDataService, type DataService, type ServiceLimits } from "./service.js";

export interface DataServerOptions {
  /** Folder of class folders, a list or an index, or the URL of one. */
  data: string;
  /** HOST:PORT, port 0 for a free one, or unix:PATH. */
  listen: string;
  /** Decode threads; 0 decodes in the serving thread. */
  workers: number;
  badSamples: BadSamples;
  /** Largest number of pixels that a picture's header may claim. Default 178,956,970. */
  pixelLimit?: number;
  limits?: Partial<ServiceLimits>;
  /** TLS, and tokens of which a call must have one. Default: neither. */
  security?: ServerSecurity;
  /** How a data set at a URL is read. */
  remote?: RemoteSettings;
  /** Called with the number of files that have been listed so far. */
  onFiles?: (files: number) => void;
  /** HOST:PORT of /metrics (Prometheus) and /healthz by HTTP. Default: none. */
  metrics?: string;
  /** Default: warnings to standard error, other levels by the environment variable VITRINE_LOG. */
  log?: Logger;
}

export interface DataServer {
  /** The address that clients can use, with the real port. */
  address: string;
  /** http://HOST:PORT of the metrics. */
  metricsAddress: string | undefined;
  dataset: Dataset;
  service: DataService;
  /** Resolves if no batch can be made any more, with the reason. */
  failure: Promise<VitrineError>;
  /** Decode threads that the operating system does not let end, after close(). */
  blockedThreads(): number;
  /** Ends the streams, waits for what is being written, and stops the workers. */
  close(): Promise<void>;
}

/**
 * A client that vanished is noticed after 11 minutes, and holds no more than its credit until then. A client that
 * computes on its event loop answers a ping only after its step, which may take minutes.
 */
const KEEPALIVE = { "grpc.keepalive_time_ms": 60_000, "grpc.keepalive_timeout_ms": 600_000 };

/** A trainer has one stream, and asks a little beside it: no connection takes all places. */
const CALLS_OF_CONNECTION = { "grpc.max_concurrent_streams": 32 };

/** The name by which health checks ask for the data service. */
const HEALTH_NAME = "vitrine.data.v1.DataService";

/** Throws what `listen` and `openDataset` throw, and then leaves nothing running. */
export async function startDataServer(options: DataServerOptions): Promise<DataServer> {
  const { data, workers, badSamples, pixelLimit, limits, remote, onFiles = () => {} } = options;
  checkAddress(options.listen);
  const log = options.log ?? createLog({ name: "data-server" });
  const security = openSecurity(options.security ?? {}, options.listen, (text) => log.warn(text));
  const service = createDataService({ badSamples, pixelLimit, log, limits });
  const health = createHealth([HEALTH_NAME]);
  const server = new Server({ ...KEEPALIVE, ...CALLS_OF_CONNECTION });
  const definition = timedDataService(service);
  server.addService(definition, security.guard(definition, service.implementation, "data"));
  server.addService(HEALTH_SERVICE, health.handlers);
  const reflection = createReflection([HEALTH_NAME, "grpc.health.v1.Health"]);
  for (const definition of REFLECTION_SERVICES)
    server.addService(definition, security.guard(definition, reflection, "data"));
  let opened: OpenPool | undefined;
  let metrics: MetricsServer | undefined;
  let files = 0;
  try {
    if (options.metrics !== undefined)
      metrics = await startMetrics(options.metrics, {
        service,
        remote: async () => opened?.readers?.counts(),
        health: () =>
          health.isServing()
            ? { serving: true, text: "serving" }
            : {
                serving: false,
                text: opened ? "stopping" : `opening: ${counted(files, "file", "files")} so far`,
              },
      });
    const address = await listen(server, options.listen, security.credentials);
    const dataset = await openDatasetInThread(data, {
      badSamples,
      remote,
      onFiles(count) {
        files = count;
        service.listed(count);
        onFiles(count);
      },
    });
    warnOfOthers(dataset, log);
    opened = await openDecodePool(workers, dataset.remote, (text) => log.warn(text));
    const { pool } = opened;
    service.open(dataset, opened);
    health.setServing(true);
    return {
      address,
      dataset,
      service,
      metricsAddress: metrics?.address,
      failure: pool.failure,
      blockedThreads: () => pool.blockedThreads,
      async close() {
        health.setServing(false);
        health.close();
        service.stop();
        await drainGrpc(server);
        security.close();
        await pool.close();
        await metrics?.close();
      },
    };
  } catch (error) {
    health.close();
    security.close();
    await metrics?.close();
    server.forceShutdown();
    throw error;
  }
}

/** The data service, whose copying into frames is measured. */
function timedDataService({ totals }: DataService): typeof DATA_SERVICE {
  const responseSerialize = (part: BatchPart) => encodePart(part, totals.encoding);
  return { ...DATA_SERVICE, StreamBatches: { ...DATA_SERVICE.StreamBatches, responseSerialize } };
}

function warnOfOthers({ path, otherFiles, otherKinds, leftOut }: Dataset, log: Logger): void {
  const left = describeOtherFiles(otherFiles, otherKinds);
  if (left !== undefined) log.warn(`${path}: ${left}`);
  if (leftOut !== "") log.warn(`${path}: ${leftOut}`);
}
