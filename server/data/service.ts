// Data service: Describe and StreamBatches for any number of clients, which share one pool of decode workers.

import { randomUUID } from "node:crypto";
import type { ServerDuplexStream, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { WireBatch } from "../../proto/batch-codec.js";
import { batchCost, creditTooSmall } from "../../proto/credits.js";
import { fromRecipeMessage } from "../../proto/recipe-codec.js";
import type { DescribeResponse, OpenRequest, StreamRequest } from "../../proto/services.js";
import type { Cursor } from "../../runtime/batches/batch-source.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { checkRecipe } from "./accepted-recipe.js";
import { type BadSamples, createBatchMaker } from "./batch-maker.js";
import type { Dataset } from "./dataset.js";
import type { OpenPool } from "./decode-pool.js";
import { describe, openBatchStream } from "./pipeline.js";
import { type OpenedStream, type StreamCall, serveBatches } from "./stream-call.js";

export interface DataServiceOptions extends OpenPool {
  dataset: Dataset;
  badSamples: BadSamples;
  log: Logger;
}

export interface DataService {
  implementation: UntypedServiceImplementation;
  /** Number of open streams. */
  streams(): number;
  /** Credit of all streams that is taken and not yet granted back, in bytes. */
  bytesOutstanding(): number;
  /** Bad files skipped since the start; a file that is skipped twice counts twice. */
  skipped(): number;
  /** Ends every stream with UNAVAILABLE, so that its client turns to another server or waits. */
  stop(): void;
}

export function createDataService({ dataset, pool, math, badSamples, log }: DataServiceOptions): DataService {
  const description = describe(dataset, randomUUID());
  const calls = new Set<StreamCall>();
  let skipped = 0;
  const onSkipped = (error: VitrineError): void => {
    skipped++;
    log.warn({ code: error.code, skipped }, `skipped: ${error.message}`);
  };

  function open(request: StreamRequest): OpenedStream {
    if (!request.open)
      throw new VitrineError("protocol/bad-open", "the first request of a stream must be Open");
    const { recipe, batchSize, seed, cursor, window, batchBytes } = checkOpen(
      request.open,
      dataset.fingerprint,
    );
    return {
      window,
      batchBytes,
      start(admit) {
        const options = { recipe, batchSize, seed, badSamples, onSkipped };
        const maker = createBatchMaker(pool, math, dataset, options);
        log.info({ batchSize, seed, cursor, window }, "stream opened");
        return openBatchStream(pool, maker, cursor, admit);
      },
    };
  }

  return {
    implementation: {
      Describe: (_call: unknown, callback: sendUnaryData<DescribeResponse>) => {
        callback(null, description);
      },
      StreamBatches: (call: ServerDuplexStream<StreamRequest, WireBatch>) => {
        const stream = serveBatches(call, open, () => {
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
        call.stop(new VitrineError("network/server-stopping", "the server is stopping"));
    },
  };
}

interface StreamSettings {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  cursor: Cursor;
  /** Credit window in bytes. */
  window: number;
  /** What one batch costs of it. */
  batchBytes: number;
}

/**
 * The first request of a stream, checked field by field before anything is allocated. Throws
 * `data/fingerprint-changed`, `protocol/credit-too-small`, `protocol/bad-open`, `protocol/bad-recipe`, `usage/recipe`.
 */
function checkOpen(open: OpenRequest, fingerprint: string): StreamSettings {
  if (open.fingerprint && open.fingerprint !== fingerprint)
    throw new VitrineError(
      "data/fingerprint-changed",
      `the data set has fingerprint ${fingerprint.slice(0, 12)}…, the client expects ` +
        `${quote(open.fingerprint.slice(0, 12))}…: serve the data set that the run started with, or start a new run`,
      { details: { expected: open.fingerprint, found: fingerprint } },
    );
  if (!open.recipe) throw new VitrineError("protocol/bad-open", "the first request has no recipe");
  const recipe = fromRecipeMessage(open.recipe);
  const batchSize = open.batchSize ?? 0;
  checkRecipe(recipe, batchSize);
  const seed = open.seed ?? 0;
  if (!Number.isSafeInteger(seed))
    throw new VitrineError("protocol/bad-open", `seed is ${seed}; allowed: below 2^53`);
  const batchBytes = batchCost(batchSize, recipe.size);
  const window = open.creditBytes ?? 0;
  if (window < batchBytes) throw creditTooSmall(batchBytes, window);
  const cursor = { epoch: open.cursor?.epoch ?? 0, batch: open.cursor?.batch ?? 0 };
  return { recipe, batchSize, seed, cursor, window, batchBytes };
}
