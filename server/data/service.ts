// Data service: Describe and StreamBatches for many clients, which share one pool of decode threads and one budget of
// memory. It answers from the start, and says so while the data set is being opened.

import { randomUUID } from "node:crypto";
import { totalmem } from "node:os";
import type { ServerDuplexStream, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { BatchPart } from "../../proto/batch-codec.js";
import { batchCost, creditTooSmall } from "../../proto/credits.js";
import { type AskedEvaluation, fromEvaluationMessage } from "../../proto/evaluation-codec.js";
import { fromRecipeMessage } from "../../proto/recipe-codec.js";
import type { DescribeResponse, OpenRequest, StreamRequest } from "../../proto/services.js";
import { toStatus } from "../../proto/wire-error.js";
import { createBatchMaker } from "../../runtime/batches/batch-maker.js";
import type { Cursor } from "../../runtime/batches/batch-source.js";
import { describe } from "../../runtime/batches/batch-stream.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { createEvaluationMaker } from "../../runtime/batches/evaluation-maker.js";
import { STREAM_SLOTS } from "../../runtime/batches/read-ahead.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { noStageSeconds } from "../../runtime/batches/sample-task.js";
import { formatBytes } from "../../runtime/bytes.js";
import type { Rank } from "../../runtime/draw/ranks.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { checkRecipe } from "./accepted-recipe.js";
import type { Dataset } from "./dataset.js";
import type { OpenPool } from "./decode-pool.js";
import type { DecodePool } from "./decode-task.js";
import { checkEvaluation, openEvaluationStream } from "./evaluation-stream.js";
import { locatedDataset } from "./located-dataset.js";
import { startRateLog } from "./rate-log.js";
import { countCode, type MeasuredService, ServiceTotals } from "./service-totals.js";
import { SharedBatches } from "./shared-batches.js";
import { type OpenedStream, type StreamCall, serveBatches } from "./stream-call.js";

/** What a server grants to all clients together. */
export interface ServiceLimits {
  /** Streams at a time. */
  maxStreams: number;
  /** Bytes of batches that are being made, held or written, of all streams. */
  memoryBytes: number;
  /** Milliseconds that a new stream has to say what it wants. */
  openMs: number;
}

export const DEFAULT_MAX_STREAMS = 1024;
const DEFAULT_OPEN_MS = 30_000;

/** Half of the machine's memory, or of what a container may use. */
function defaultMemoryBytes(): number {
  // 0 or a number larger than the machine where there is no limit.
  const allowed = process.constrainedMemory();
  return Math.floor(Math.min(totalmem(), allowed > 0 ? allowed : Number.POSITIVE_INFINITY) / 2);
}

export interface DataServiceOptions {
  badSamples: BadSamples;
  pixelLimit?: number | undefined;
  log: Logger;
  limits?: Partial<ServiceLimits>;
}

export interface DataService extends MeasuredService {
  implementation: UntypedServiceImplementation;
  /** Until `open`: clients get the error `data/opening` with this number of files. */
  listed(files: number): void;
  /** The data set is there: clients are served from now on. */
  open(dataset: Dataset, opened: OpenPool): void;
  /** Bad files skipped since the start; a file that is skipped twice counts twice. */
  skipped(): number;
  /** Ends every stream with UNAVAILABLE, so that its client turns to another server or waits. */
  stop(): void;
}

/** A data set that is open, with the threads that decode it. */
interface Opened extends OpenPool {
  shared: SharedBatches;
  dataset: Dataset;
  description: DescribeResponse;
}

/** A stream with credit that has sent nothing for that long is without progress. */
const STALLED_MS = 10_000;

/** The part of the memory that batches without a reader may take, as far as streams leave it. */
const KEPT_FRACTION = 1 / 4;

/** Smaller messages than that cost more than they spare. */
const MIN_CHUNK_BYTES = 64 * 1024;

export function createDataService(options: DataServiceOptions): DataService {
  const { badSamples, pixelLimit, log, limits } = options;
  const { maxStreams, memoryBytes, openMs }: ServiceLimits = {
    maxStreams: DEFAULT_MAX_STREAMS,
    memoryBytes: defaultMemoryBytes(),
    openMs: DEFAULT_OPEN_MS,
    ...limits,
  };
  /** Stream → the bytes reserved for it. */
  const calls = new Map<StreamCall, number>();
  const bytesReserved = () => [...calls.values()].reduce((sum, bytes) => sum + bytes, 0);
  let opened: Opened | null = null;
  let files = 0;
  let skipped = 0;
  const totals = new ServiceTotals();

  function openedOrThrow(): Opened {
    if (opened) return opened;
    throw new VitrineError(
      "data/opening",
      `the data set is being opened: ${counted(files, "file", "files")} so far`,
      { details: { files } },
    );
  }

  /** A stream holds its batches, and grpc-js the frame of one message until it is written. */
  function reserve(stream: StreamCall, batchBytes: number, partBytes: number): void {
    const needed = STREAM_SLOTS * batchBytes + Math.min(batchBytes, partBytes);
    const reserved = bytesReserved();
    if (reserved + needed > memoryBytes)
      throw new VitrineError(
        "data/server-full",
        `a stream of these batches takes ${formatBytes(needed)}, and ${formatBytes(reserved)} of ` +
          `${formatBytes(memoryBytes)} are reserved for ${counted(calls.size - 1, "other stream", "other streams")}: ` +
          "ask for smaller batches, or start the server with a larger --memory",
        { details: { needed, reserved, memory: memoryBytes } },
      );
    calls.set(stream, needed);
    opened?.shared.trim();
  }

  const keepBytes = () => Math.min(KEPT_FRACTION * memoryBytes, memoryBytes - bytesReserved());

  const onSkipped = (error: VitrineError): void => {
    skipped++;
    countCode(totals.skipped, error.code);
    log.warn({ code: error.code, skipped }, `skipped: ${error.message}`);
  };
  const onKept = ({ code, message }: VitrineError): void => {
    countCode(totals.kept, code);
    log.warn({ code }, `kept in part: ${message}`);
  };

  function open(request: StreamRequest, stream: StreamCall): OpenedStream {
    const { dataset, pool, math, shared } = openedOrThrow();
    if (!request.open)
      throw new VitrineError("protocol/bad-open", "the first request of a stream must be Open");
    const settings = checkOpen(request.open, dataset.fingerprint);
    const { asked, batchSize, seed, rank, world, cursor, stride, window, batchBytes, partBytes } = settings;
    reserve(stream, batchBytes, partBytes);
    return {
      window,
      batchBytes,
      partBytes,
      start(admit) {
        const reading = { badSamples, pixelLimit, onSkipped, onKept };
        const common = { batchSize, rank, world, ...reading };
        if (asked.kind === "evaluation") {
          const maker = createEvaluationMaker(pool, locatedDataset(dataset), {
            ...asked.evaluation,
            ...common,
          });
          log.info({ batchSize, rank, world, cursor, stride, window }, "evaluation opened");
          return openEvaluationStream(pool, maker, cursor, { admit, stride });
        }
        const options = { ...common, recipe: asked.recipe, seed };
        log.info({ batchSize, seed, rank, world, cursor, stride, window }, "stream opened");
        // All that decides what is in a batch.
        const key = JSON.stringify([asked.recipe, batchSize, seed, rank, world]);
        const createMaker = (turns: Pick<DecodePool, "run">) =>
          createBatchMaker(turns, math, locatedDataset(dataset), options);
        return shared.open(key, createMaker, cursor, { admit, stride });
      },
    };
  }

  const stopRateLog = startRateLog(() => calls.keys(), log);
  return {
    implementation: {
      Describe: (_call: unknown, callback: sendUnaryData<DescribeResponse>) => {
        try {
          callback(null, openedOrThrow().description);
        } catch (error) {
          callback(toStatus(error, "data"));
        }
      },
      StreamBatches: (call: ServerDuplexStream<StreamRequest, BatchPart>) => {
        if (calls.size >= maxStreams) {
          countCode(totals.failures, "data/server-full");
          return void call.emit("error", toStatus(tooManyStreams(maxStreams), "data"));
        }
        const onEnd = () => {
          if (calls.delete(stream)) log.info({ streams: calls.size }, "stream ended");
        };
        const stream = serveBatches(call, {
          open: (request) => open(request, stream),
          onEnd,
          openMs,
          totals,
        });
        calls.set(stream, 0);
      },
    },
    listed(count) {
      files = count;
    },
    open(dataset, pool) {
      const shared = new SharedBatches({ pool: pool.pool, keepBytes });
      opened = { ...pool, dataset, description: describe(dataset, randomUUID()), shared };
    },
    streams: () => calls.size,
    bytesOutstanding: () => [...calls.keys()].reduce((sum, call) => sum + call.bytesOutstanding(), 0),
    bytesReserved,
    bytesKept: () => opened?.shared.keptBytes ?? 0,
    batches: () => opened?.shared.counts ?? { made: 0, shared: 0 },
    memoryBytes,
    totals,
    streamsWithoutProgress: () => [...calls.keys()].filter((call) => call.idleMs() > STALLED_MS).length,
    load: () => opened?.pool.load?.() ?? { workers: 0, busy: 0, queued: 0, stages: noStageSeconds() },
    skipped: () => skipped,
    stop() {
      stopRateLog();
      for (const call of [...calls.keys()])
        call.stop(new VitrineError("network/server-stopping", "the server is stopping"));
    },
  };
}

function tooManyStreams(maxStreams: number): VitrineError {
  return new VitrineError(
    "data/server-full",
    `${counted(maxStreams, "stream is", "streams are")} open: try again later, or start the server with a larger --max-streams`,
    { details: { maxStreams } },
  );
}

/** More servers than that read from one data set for one trainer are a mistake. */
const MAX_STRIDE = 1024;

type Asked =
  | { kind: "training"; recipe: AugmentationRecipe }
  | { kind: "evaluation"; evaluation: AskedEvaluation };

interface StreamSettings {
  asked: Asked;
  batchSize: number;
  seed: number;
  rank: number;
  world: number;
  cursor: Cursor;
  stride: number;
  /** Credit window in bytes. */
  window: number;
  /** What one batch costs of it. */
  batchBytes: number;
  /** The largest number of bytes of pixels in one message. */
  partBytes: number;
}

function askedOf(open: OpenRequest, batchSize: number, rank: Rank): Asked {
  if (open.evaluation) {
    const evaluation = fromEvaluationMessage(open.evaluation);
    checkEvaluation(evaluation, batchSize);
    return { kind: "evaluation", evaluation };
  }
  if (!open.recipe) throw new VitrineError("protocol/bad-open", "the first request has no recipe");
  const recipe = fromRecipeMessage(open.recipe);
  checkRecipe(recipe, batchSize, rank);
  return { kind: "training", recipe };
}

/**
 * The first request of a stream, checked field by field before anything is allocated. Throws
 * `data/fingerprint-changed`, `protocol/credit-too-small`, `protocol/bad-open`, `protocol/bad-recipe`, `usage/recipe`,
 * `usage/rank`.
 */
function checkOpen(open: OpenRequest, fingerprint: string): StreamSettings {
  if (open.fingerprint && open.fingerprint !== fingerprint)
    throw new VitrineError(
      "data/fingerprint-changed",
      `the data set has fingerprint ${fingerprint.slice(0, 12)}…, the client expects ` +
        `${quote(open.fingerprint.slice(0, 12))}…: serve the data set that the run started with, or start a new run`,
      { details: { expected: open.fingerprint, found: fingerprint } },
    );
  const batchSize = open.batchSize ?? 0;
  const rank = open.rank ?? 0;
  const world = Math.max(1, open.world ?? 1);
  const asked = askedOf(open, batchSize, { rank, world });
  const seed = open.seed ?? 0;
  if (!Number.isSafeInteger(seed))
    throw new VitrineError("protocol/bad-open", `seed is ${seed}; allowed: below 2^53`);
  // An evaluation's batches are of one rank's images.
  const batchBytes =
    asked.kind === "training"
      ? batchCost(batchSize / world, asked.recipe.size)
      : batchCost(batchSize, asked.evaluation.size);
  const window = open.creditBytes ?? 0;
  if (window < batchBytes) throw creditTooSmall(batchBytes, window);
  const cursor = { epoch: open.cursor?.epoch ?? 0, batch: open.cursor?.batch ?? 0 };
  const stride = Math.max(1, open.stride ?? 1);
  if (stride > MAX_STRIDE)
    throw new VitrineError("protocol/bad-open", `stride is ${stride}; allowed: at most ${MAX_STRIDE}`);
  const partBytes = open.chunkBytes ? Math.max(MIN_CHUNK_BYTES, open.chunkBytes) : Number.POSITIVE_INFINITY;
  return { asked, batchSize, seed, rank, world, cursor, stride, window, batchBytes, partBytes };
}
