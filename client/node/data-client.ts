// Data client: a data server as a batch source that outlives the server's process. Progress lives here: a stream that
// broke is opened again at the first batch that was not delivered, and gives the same bytes.

import { checkAddress } from "../../proto/address.js";
import type { WireBatch } from "../../proto/batch-codec.js";
import { batchCost, creditTooSmall, defaultCredit } from "../../proto/credits.js";
import { toRecipeMessage } from "../../proto/recipe-codec.js";
import type { Batch, BatchSource, Cursor, DataDescription } from "../../runtime/batches/batch-source.js";
import { checkCursor, nextCursor } from "../../runtime/batches/cursor.js";
import { batchesPerEpoch } from "../../runtime/draw/order.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { VitrineError } from "../../runtime/errors.js";
import { DataConnection } from "./data-connection.js";
import { DataStream } from "./data-stream.js";
import { Patience } from "./patience.js";

export interface DataClientOptions {
  /** HOST:PORT or unix:PATH. */
  address: string;
  recipe: AugmentationRecipe;
  batchSize: number;
  /** Below 2⁵³. */
  seed: number;
  /** How long a server may be away before the client gives up. Default 60. */
  timeoutSeconds?: number;
  /** Bytes of batches that may be on their way or waiting here. Default: 64 MiB, two to eight batches. */
  creditBytes?: number;
  /** The data set that is expected; refused if the server has another one. */
  fingerprint?: string;
  /** Hears, in a sentence, that the server is away and that it is back. */
  onNotice?: (text: string) => void;
}

/** The first connection waits no longer than this: a server may be starting, but a wrong address should be told soon. */
const FIRST_CONNECTION_SECONDS = 5;

/** Bounds of the wait for one Describe: even a client without patience gives each try a fair chance. */
const DESCRIBE_MS = { least: 2_000, most: 10_000 };

function checkFingerprint(expected: string | undefined, found: string, address: string): void {
  if (!expected || expected === found) return;
  throw new VitrineError(
    "data/fingerprint-changed",
    `${address} serves the data set ${found.slice(0, 12)}…, expected is ${expected.slice(0, 12)}…: serve the data set that the run began with, or begin a new run`,
    { details: { expected, found, server: address } },
  );
}

/** A connection on which the server has answered, with what it said. */
async function connect(
  { address, recipe, batchSize }: DataClientOptions,
  expected: string | undefined,
  deadlineMs: number,
): Promise<{ connection: DataConnection; description: DataDescription }> {
  const connection = new DataConnection(address, batchCost(batchSize, recipe.size));
  try {
    const description = await connection.describe(
      Math.max(DESCRIBE_MS.least, Math.min(DESCRIBE_MS.most, deadlineMs)),
    );
    checkFingerprint(expected, description.fingerprint, address);
    return { connection, description };
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function firstDescription(options: DataClientOptions): Promise<DataDescription> {
  const { address, timeoutSeconds = 60, onNotice = () => {} } = options;
  const seconds = Math.min(timeoutSeconds, FIRST_CONNECTION_SECONDS);
  const giveUp = (reason: string) =>
    new VitrineError(
      "network/no-data-server",
      `no data server answers at ${address} (${reason}): start one with "vitrine data-server --data PATH --listen ${address}", or correct --data-server`,
      { details: { server: address } },
    );
  const patience = new Patience(seconds, giveUp, onNotice);
  for (;;) {
    try {
      const { connection, description } = await connect(options, options.fingerprint, patience.leftMs);
      connection.close();
      patience.reset();
      return description;
    } catch (error) {
      await patience.after(error);
    }
  }
}

/**
 * Throws `network/no-data-server`, `network/not-a-data-server`, `data/fingerprint-changed`, `data/too-few-samples`,
 * `protocol/credit-too-small`. Iterating throws `network/data-server-gone` after `timeoutSeconds` without a server,
 * and at once what the server says of a bad file.
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
  private readonly open = new Set<DataStream>();
  private closed = false;

  constructor(
    private readonly options: DataClientOptions & { creditBytes: number },
    readonly description: DataDescription,
    readonly batchesPerEpoch: number,
  ) {}

  async *batches(from: Cursor): AsyncGenerator<Batch> {
    const patience = this.patience();
    let cursor = checkCursor(from, this.batchesPerEpoch);
    let stream: DataStream | null = null;
    try {
      for (;;) {
        const asked = performance.now();
        let batch: WireBatch | null = null;
        while (batch === null) {
          try {
            stream ??= await this.openStream(cursor, patience.leftMs);
            batch = await stream.next();
          } catch (error) {
            this.drop(stream);
            stream = null;
            await patience.after(error);
          }
        }
        patience.reset();
        this.check(batch, cursor);
        yield { ...batch, waitSeconds: (performance.now() - asked) / 1000 };
        stream?.consumed(batch);
        cursor = nextCursor(cursor, this.batchesPerEpoch);
      }
    } finally {
      this.drop(stream);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const stream of this.open) this.drop(stream);
  }

  private patience(): Patience {
    const { address, timeoutSeconds = 60, onNotice = () => {} } = this.options;
    const giveUp = (reason: string) =>
      new VitrineError(
        "network/data-server-gone",
        `the data server at ${address} has been away for ${timeoutSeconds} s (${reason}): restart it and resume, or wait longer with --data-timeout`,
        { details: { server: address, timeoutSeconds } },
      );
    return new Patience(timeoutSeconds, giveUp, onNotice);
  }

  private async openStream(cursor: Cursor, deadlineMs: number): Promise<DataStream> {
    const { recipe, batchSize, seed, creditBytes } = this.options;
    const { fingerprint } = this.description;
    if (this.closed) throw new VitrineError("network/closed", "the data connection was closed");
    const { connection } = await connect(this.options, fingerprint, deadlineMs);
    const stream = new DataStream(connection, {
      ...{ fingerprint, batchSize, seed, cursor, creditBytes },
      recipe: toRecipeMessage(recipe),
    });
    this.open.add(stream);
    return stream;
  }

  private drop(stream: DataStream | null): void {
    if (stream === null) return;
    stream.close();
    this.open.delete(stream);
  }

  /** A server that sends other batches than those asked for must not train anybody's model. */
  private check({ cursor, count, size }: WireBatch, expected: Cursor): void {
    const { batchSize, recipe, address } = this.options;
    const right = cursor.epoch === expected.epoch && cursor.batch === expected.batch;
    if (right && count === batchSize && size === recipe.size) return;
    throw new VitrineError(
      "protocol/unexpected-batch",
      `${address} sent ${count} images of ${size} pixels as epoch ${cursor.epoch}, batch ${cursor.batch}; asked for were ${batchSize} of ${recipe.size} as epoch ${expected.epoch}, batch ${expected.batch}`,
      { details: { server: address } },
    );
  }
}
