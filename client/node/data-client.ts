// Data client: a data server as a batch source that outlives the server's process. Progress is kept here: a stream
// that broke is reopened at the first batch that was not delivered, and yields the same bytes.

import { checkAddress } from "../../proto/address.js";
import type { WireBatch } from "../../proto/batch-codec.js";
import { batchCost, creditTooSmall, defaultCredit } from "../../proto/credits.js";
import { toRecipeMessage } from "../../proto/recipe-codec.js";
import {
  type Batch,
  type BatchSource,
  type Cursor,
  checkCursor,
  type DataDescription,
  nextCursor,
} from "../../runtime/batches/batch-source.js";
import { batchesPerEpoch } from "../../runtime/draw/order.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { DataConnection, type DataStream, isListingOn, isServerAway } from "./data-connection.js";
import { RetryBudget } from "./retry-budget.js";

/** Which data server to read from, and which batches. */
export interface DataClientOptions {
  /** HOST:PORT or unix:PATH of a `vitrine data-server`. */
  address: string;
  /** How images are augmented and mixed. `DEIT_RECIPE` has DeiT's numbers. */
  recipe: AugmentationRecipe;
  /** Images in one batch, 1 to 4,096. */
  batchSize: number;
  /** Whole number from 0, below 2⁵³. */
  seed: number;
  /** Seconds that a server may be away, at first or later, before the client gives up. Default 60. */
  timeoutSeconds?: number;
  /** Bytes of batches that may be in flight or waiting here. Default: two to eight batches, as fit in 64 MiB. */
  creditBytes?: number;
  /**
   * Seconds without a batch, while one is awaited, after which the server is asked whether it still runs; it has twice
   * as long to answer. Default 10.
   */
  quietSeconds?: number;
  /** Expected fingerprint of the data set; a server with another one is refused. Default: any. */
  fingerprint?: string;
  /** Called with a sentence when the server is away and when it is back. */
  onNotice?: (text: string) => void;
}

const DEFAULT_TIMEOUT_SECONDS = 60;
const DEFAULT_QUIET_SECONDS = 10;

/** Deadline of one Describe: even a client that does not retry gives it a fair chance. */
const DESCRIBE_MS = { min: 2_000, max: 10_000 };

/** The start of a fingerprint, enough to tell two apart. */
const short = (fingerprint: string): string => `${quote(fingerprint.slice(0, 12))}…`;

function checkFingerprint(expected: string | undefined, found: string, address: string): void {
  if (!expected || expected === found) return;
  throw new VitrineError(
    "data/fingerprint-changed",
    `${address} serves the data set ${short(found)}, expected ${short(expected)}: ` +
      "serve the data set that the run started with, or start a new run",
    { details: { expected, found, server: address } },
  );
}

/** A connection on which the server has answered, with its description of the data set. */
async function connect(
  { address, recipe, batchSize, quietSeconds = DEFAULT_QUIET_SECONDS }: DataClientOptions,
  fingerprint: string | undefined,
  deadlineMs: number,
): Promise<{ connection: DataConnection; description: DataDescription }> {
  const connection = new DataConnection(address, {
    batchBytes: batchCost(batchSize, recipe.size),
    quietMs: 1000 * quietSeconds,
  });
  try {
    const description = await connection.describe(
      Math.max(DESCRIBE_MS.min, Math.min(DESCRIBE_MS.max, deadlineMs)),
    );
    checkFingerprint(fingerprint, description.fingerprint, address);
    return { connection, description };
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function firstDescription(options: DataClientOptions): Promise<DataDescription> {
  const { address, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, onNotice = () => {} } = options;
  const budget = new RetryBudget({
    seconds: timeoutSeconds,
    isTransient: isServerAway,
    isProgress: isListingOn,
    giveUp: (reason) =>
      new VitrineError(
        "network/no-data-server",
        `no data server answers at ${address} (${reason}): ` +
          `start one with "vitrine data-server --data PATH --listen ${address}", or correct --data-server`,
        { details: { server: address } },
      ),
    onNotice,
  });
  for (;;) {
    try {
      const { connection, description } = await connect(options, options.fingerprint, budget.leftMs);
      connection.close();
      budget.reset();
      return description;
    } catch (error) {
      await budget.wait(error);
    }
  }
}

/**
 * Connects to a data server. Waits `timeoutSeconds` for one that is starting, and longer for one that is listing its
 * files, as long as their number grows.
 *
 * The source's `batches(cursor)` yields uint8 pixels [batchSize, size, size, 3] with labels, epoch after epoch; the
 * same cursor gives the same bytes from any server with the same data set. A server that goes away is retried for
 * `timeoutSeconds`, and the stream continues where it broke.
 *
 * Throws `usage/address`, `network/no-data-server`, `network/not-a-data-server`, `data/fingerprint-changed`,
 * `data/too-few-samples` where an epoch holds no full batch, and `protocol/credit-too-small`. Iterating throws
 * `data/bad-cursor`, `usage/recipe`, `network/data-server-gone` after `timeoutSeconds` without a server, and at once
 * what the server reports of a bad file (`jpeg/…`, `file/…`).
 *
 * ```ts
 * const source = await connectData({ address: "127.0.0.1:50051", recipe: DEIT_RECIPE, batchSize: 64, seed: 1 });
 * for await (const { pixels, labels } of source.batches({ epoch: 0, batch: 0 })) { … }
 * ```
 */
export async function connectData(options: DataClientOptions): Promise<BatchSource> {
  const { address, recipe, batchSize } = options;
  checkAddress(address, "--data-server");
  const batchBytes = batchCost(batchSize, recipe.size);
  const creditBytes = options.creditBytes ?? defaultCredit(batchBytes);
  if (creditBytes < batchBytes) throw creditTooSmall(batchBytes, creditBytes);
  const description = await firstDescription(options);
  const perEpoch = batchesPerEpoch(description.samples, batchSize, recipe.repeats);
  if (perEpoch < 1)
    throw new VitrineError(
      "data/too-few-samples",
      `${address}: ${description.samples} images do not fill one batch of ${batchSize}: lower --batch-size`,
      { details: { samples: description.samples, batchSize } },
    );
  return new RemoteBatches({ ...options, creditBytes }, description, perEpoch);
}

class RemoteBatches implements BatchSource {
  readonly description: DataDescription;
  readonly batchesPerEpoch: number;
  readonly #options: DataClientOptions & { creditBytes: number };
  readonly #streams = new Set<DataStream>();
  #closed = false;

  constructor(
    options: DataClientOptions & { creditBytes: number },
    description: DataDescription,
    perEpoch: number,
  ) {
    this.#options = options;
    this.description = description;
    this.batchesPerEpoch = perEpoch;
  }

  async *batches(from: Cursor): AsyncGenerator<Batch> {
    const budget = this.#retryBudget();
    let cursor = checkCursor(from, this.batchesPerEpoch);
    let stream: DataStream | null = null;
    try {
      for (;;) {
        const start = performance.now();
        let batch: WireBatch | null = null;
        while (batch === null) {
          try {
            stream ??= await this.#openStream(cursor, budget.leftMs);
            batch = await stream.next();
          } catch (error) {
            this.#drop(stream);
            stream = null;
            await budget.wait(error);
          }
        }
        budget.reset();
        this.#check(batch, cursor);
        yield { ...batch, waitSeconds: (performance.now() - start) / 1000 };
        stream?.consumed(batch);
        cursor = nextCursor(cursor, this.batchesPerEpoch);
      }
    } finally {
      this.#drop(stream);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) this.#drop(stream);
  }

  #retryBudget(): RetryBudget {
    const { address, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, onNotice = () => {} } = this.#options;
    return new RetryBudget({
      seconds: timeoutSeconds,
      isTransient: isServerAway,
      isProgress: isListingOn,
      giveUp: (reason) =>
        new VitrineError(
          "network/data-server-gone",
          `the data server at ${address} has not answered for ${timeoutSeconds} s (${reason}): ` +
            "restart it and resume, or wait longer with --data-timeout",
          { details: { server: address, timeoutSeconds } },
        ),
      onNotice,
    });
  }

  async #openStream(cursor: Cursor, deadlineMs: number): Promise<DataStream> {
    const { recipe, batchSize, seed, creditBytes } = this.#options;
    const { fingerprint } = this.description;
    if (this.#closed) throw new VitrineError("network/closed", "the data connection was closed");
    const { connection } = await connect(this.#options, fingerprint, deadlineMs);
    const stream = connection.stream({
      fingerprint,
      batchSize,
      seed,
      cursor,
      creditBytes,
      recipe: toRecipeMessage(recipe),
    });
    this.#streams.add(stream);
    return stream;
  }

  #drop(stream: DataStream | null): void {
    if (stream === null) return;
    stream.close();
    this.#streams.delete(stream);
  }

  /** No model is trained on batches other than those requested. */
  #check({ cursor, count, size }: WireBatch, expected: Cursor): void {
    const { batchSize, recipe, address } = this.#options;
    const isExpected = cursor.epoch === expected.epoch && cursor.batch === expected.batch;
    if (isExpected && count === batchSize && size === recipe.size) return;
    throw new VitrineError(
      "protocol/unexpected-batch",
      `${address} sent batch ${cursor.batch} of epoch ${cursor.epoch} with ${count} images of ${size} pixels, instead of ` +
        `batch ${expected.batch} of epoch ${expected.epoch} with ${batchSize} images of ${recipe.size} pixels`,
      { details: { server: address } },
    );
  }
}
