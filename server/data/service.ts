// Data service: Describe and StreamBatches for any number of clients, which share one pool of decode workers.

import { randomUUID } from "node:crypto";
import type { ServerDuplexStream, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { WireBatch } from "../../proto/batch-codec.js";
import type { DescribeResponse, StreamRequest } from "../../proto/data-service.js";
import { VitrineError } from "../../runtime/errors.js";
import { type BadSamples, createBatchMaker } from "./batch-maker.js";
import { openBatchStream } from "./batch-stream.js";
import type { Dataset } from "./dataset.js";
import type { OpenPool } from "./open-decode-pool.js";
import { checkOpen } from "./open-request.js";
import { describe } from "./pipeline.js";
import { type StreamCall, serveBatches } from "./stream-call.js";

export interface DataServiceOptions extends OpenPool {
  dataset: Dataset;
  badSamples: BadSamples;
  log: Logger;
}

export interface DataService {
  implementation: UntypedServiceImplementation;
  /** Open streams now. */
  streams(): number;
  /** Credit of all streams that is taken and not given back, in bytes. */
  bytesOutstanding(): number;
  /** Bad files that were skipped since the start, each time counted. */
  skipped(): number;
  /** Ends every stream with UNAVAILABLE, so that its client goes elsewhere or waits. */
  stop(): void;
}

export function createDataService({ dataset, pool, math, badSamples, log }: DataServiceOptions): DataService {
  const instance = randomUUID();
  const calls = new Set<StreamCall>();
  let skipped = 0;
  const onSkipped = (error: VitrineError): void => {
    skipped++;
    log.warn({ code: error.code, skipped }, `skipped: ${error.message}`);
  };

  const host = {
    open(request: StreamRequest) {
      if (!request.open)
        throw new VitrineError("protocol/bad-open", "the first request of a stream must be Open");
      return checkOpen(request.open, dataset.fingerprint);
    },
    batches(settings: ReturnType<typeof checkOpen>, admit: () => Promise<void>) {
      const { recipe, batchSize, seed, cursor } = settings;
      const maker = createBatchMaker(pool, math, dataset, { recipe, batchSize, seed, badSamples, onSkipped });
      log.info({ batchSize, seed, cursor, window: settings.window }, "stream opened");
      return openBatchStream(pool, maker, cursor, admit);
    },
  };

  return {
    implementation: {
      Describe: (_call: unknown, callback: sendUnaryData<DescribeResponse>) => {
        callback(null, describe(dataset, instance));
      },
      StreamBatches: (call: ServerDuplexStream<StreamRequest, WireBatch>) => {
        const stream = serveBatches(call, host, () => {
          if (calls.delete(stream)) log.info({ streams: calls.size }, "stream ended");
        });
        calls.add(stream);
      },
    },
    streams: () => calls.size,
    bytesOutstanding: () => [...calls].reduce((sum, call) => sum + call.bytesOutstanding(), 0),
    skipped: () => skipped,
    stop() {
      for (const call of [...calls])
        call.stop(new VitrineError("network/server-stopping", "the server stops"));
    },
  };
}
