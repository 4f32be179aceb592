// Batch reader: numbered batches from data servers, which outlives their processes. Progress is kept here: a stream that
// broke is reopened at the first batch that was not delivered, on whichever servers answer, and yields the same bytes.

import { setTimeout as delay } from "node:timers/promises";
import { parseAddresses } from "../../proto/address.js";
import type { WireBatch } from "../../proto/batch-codec.js";
import { checkBatchBytes, creditTooSmall, defaultCredit } from "../../proto/credits.js";
import type { OpenRequest } from "../../proto/services.js";
import {
  type Cursor,
  checkCursor,
  cursorAfter,
  type DataDescription,
} from "../../runtime/batches/batch-source.js";
import { VitrineError } from "../../runtime/errors.js";
import {
  type Connected,
  closeAll,
  commonDescription,
  connect,
  connectAll,
  DEFAULT_TIMEOUT_SECONDS,
  DESCRIBE_MS,
  firstAnswers,
} from "./connect-servers.js";
import type { ConnectionSecurity } from "./credentials.js";
import { isListingOn, isServerAway } from "./data-connection.js";
import { DataServers } from "./data-servers.js";
import { RetryBudget } from "./retry-budget.js";
import { Membership, Waits } from "./server-membership.js";
import { type Stripe, StripedStream } from "./striped-stream.js";

/** How data servers are reached. */
export interface DataServerOptions extends ConnectionSecurity {
  /**
   * HOST:PORT or unix:PATH of a `vitrine data-server`; several with commas between them, or dns:///NAME:PORT for every
   * address of a name. Several servers with the same data set share the work, and stand in for each other.
   */
  address: string;
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

/** Which batches are read. */
export interface ReadingPlan {
  /** What every server is asked for, but for fingerprint, cursor, stride and credit. */
  open: OpenRequest;
  /** Side of the images in pixels. */
  size: number;
  batchesPerEpoch: number;
  /** Epochs of the whole; absent: without end. */
  epochs?: number;
  /** Images of a batch of an epoch. */
  countOf(batch: number): number;
}

/** What a reader must know before it connects. */
export interface ReaderCosts {
  /** Credit that a batch costs, at most. */
  batchBytes: number;
  /** A bound on its message. */
  messageBytes: number;
  /** The flag that named the servers, for messages. */
  flag: string;
}

type ConnectedOptions = DataServerOptions & ReaderCosts & { creditBytes: number };

/**
 * A stream that is opened this soon after the servers answered uses the same connections. Later something between may
 * have dropped them without a word.
 */
const FRESH_MS = 1_000;

/** A batch, and whether it came from the stream, whose credit it costs, or from another server. */
interface Next {
  batch: WireBatch;
  isOfStream: boolean;
}

export class BatchReader {
  readonly description: DataDescription;
  readonly #servers: DataServers;
  readonly #options: ConnectedOptions;
  readonly #plan: ReadingPlan;
  readonly #streams = new Set<StripedStream>();
  /** Connections without a stream, for the one that is opened next. */
  #unused: readonly Connected[];
  #closed = false;

  private constructor(
    servers: DataServers,
    options: ConnectedOptions,
    connected: readonly Connected[],
    description: DataDescription,
    plan: ReadingPlan,
  ) {
    this.#servers = servers;
    this.#options = options;
    this.#unused = connected;
    this.description = description;
    this.#plan = plan;
    setTimeout(() => this.#closeUnused(), FRESH_MS).unref();
  }

  /**
   * Waits for a server to answer; `plan` makes of its description what to read. Throws what `plan` throws,
   * `usage/address`, `network/no-data-server`, `network/not-a-data-server`, `data/fingerprint-changed` and
   * `protocol/credit-too-small`.
   */
  static async connect(
    options: DataServerOptions & ReaderCosts,
    plan: (description: DataDescription) => ReadingPlan,
  ): Promise<BatchReader> {
    const { address, flag, batchBytes, messageBytes } = options;
    checkBatchBytes(messageBytes);
    const servers = new DataServers(parseAddresses(address, flag));
    const creditBytes = options.creditBytes ?? defaultCredit(batchBytes);
    if (creditBytes < batchBytes) throw creditTooSmall(batchBytes, creditBytes);
    const settings = { ...options, creditBytes };
    const connected = await firstAnswers(servers, settings);
    try {
      const description = commonDescription(connected);
      return new BatchReader(servers, settings, connected, description, plan(description));
    } catch (error) {
      closeAll(connected);
      throw error;
    }
  }

  /** Batches from `from` on, each valid until the next one is asked for. */
  async *batches(from: Cursor): AsyncGenerator<WireBatch & { waitSeconds: number }> {
    const { batchesPerEpoch, epochs = Number.POSITIVE_INFINITY } = this.#plan;
    const budget = this.#retryBudget();
    const membership = new Membership(this.#servers, (address) => this.#answers(address));
    const waits = new Waits();
    let cursor = checkCursor(from, batchesPerEpoch);
    let stream: StripedStream | null = null;
    try {
      while (cursor.epoch < epochs) {
        const start = performance.now();
        let batch: WireBatch | null = null;
        let isOfStream = true;
        while (batch === null) {
          try {
            if (stream && membership.hasChanged(stream.addresses)) stream = this.#drop(stream);
            stream ??= await this.#openStream(cursor, budget.leftMs);
            ({ batch, isOfStream } = await this.#nextOf(stream, cursor, waits.limitMs));
          } catch (error) {
            stream = this.#drop(stream);
            if (!isServerAway(error) || !(await this.#canTurnElsewhere())) await budget.wait(error);
          }
        }
        budget.reset();
        const waitSeconds = (performance.now() - start) / 1000;
        waits.add(1000 * waitSeconds);
        this.#check(batch, cursor);
        // Its stream is still to send the batch that another server made.
        if (!isOfStream) stream = this.#drop(stream);
        const transferSeconds = Math.min(waitSeconds, batch.transferSeconds ?? 0);
        yield { ...batch, waitSeconds, transferSeconds };
        if (isOfStream) stream?.consumed(batch);
        cursor = cursorAfter(cursor, 1, batchesPerEpoch);
      }
    } finally {
      this.#drop(stream);
    }
  }

  get batchesPerEpoch(): number {
    return this.#plan.batchesPerEpoch;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#closeUnused();
    for (const stream of this.#streams) this.#drop(stream);
  }

  #retryBudget(): RetryBudget {
    const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, onNotice = () => {} } = this.#options;
    const servers = this.#servers;
    return new RetryBudget({
      seconds: timeoutSeconds,
      isTransient: isServerAway,
      isProgress: isListingOn,
      giveUp: (reason) =>
        new VitrineError(
          "network/data-server-gone",
          `the data server at ${servers} has not answered for ${timeoutSeconds} s (${reason}): ` +
            "restart it and resume, or wait longer with --data-timeout",
          { details: { server: `${servers}`, timeoutSeconds } },
        ),
      onNotice,
    });
  }

  /** Whether a server other than those that failed lately can be asked at once. */
  async #canTurnElsewhere(): Promise<boolean> {
    if (!this.#servers.areSeveral) return false;
    return this.#servers.available(await this.#servers.addresses()).length > 0;
  }

  /** Whether the server at `address` answers with the run's data set. */
  async #answers(address: string): Promise<boolean> {
    const { fingerprint } = this.description;
    try {
      const { connection } = await connect(
        this.#servers,
        address,
        this.#options,
        fingerprint,
        DESCRIBE_MS.min,
      );
      connection.close();
      return true;
    } catch {
      this.#servers.failed(address);
      return false;
    }
  }

  #openRequest(cursor: Cursor, stride: number, creditBytes: number): OpenRequest {
    return { ...this.#plan.open, fingerprint: this.description.fingerprint, cursor, stride, creditBytes };
  }

  async #openStream(cursor: Cursor, deadlineMs: number): Promise<StripedStream> {
    const { batchBytes, creditBytes, onNotice = () => {} } = this.#options;
    if (this.#closed) throw new VitrineError("network/closed", "the data connection was closed");
    const servers = this.#takeUnused() ?? (await this.#connectAll(deadlineMs));
    const share = Math.max(batchBytes, Math.floor(creditBytes / servers.length));
    const stripes = servers.map(({ address, connection }, index): Stripe => {
      const first = cursorAfter(cursor, index, this.batchesPerEpoch);
      return { address, stream: connection.stream(this.#openRequest(first, servers.length, share)) };
    });
    const stream = new StripedStream(stripes, (address, error) => {
      this.#servers.failed(address);
      if (this.#servers.areSeveral) onNotice(`data server ${address} is away (${error.message})`);
    });
    this.#streams.add(stream);
    return stream;
  }

  #connectAll(deadlineMs: number): Promise<Connected[]> {
    return connectAll(this.#servers, this.#options, this.description.fingerprint, deadlineMs);
  }

  #takeUnused(): readonly Connected[] | null {
    const connected = this.#unused;
    this.#unused = [];
    return connected.length > 0 ? connected : null;
  }

  #closeUnused(): void {
    closeAll(this.#takeUnused() ?? []);
  }

  /** The stream's next batch, or the same one of another server where the stream's is slow. */
  async #nextOf(stream: StripedStream, cursor: Cursor, limitMs: number): Promise<Next> {
    const slow = stream.nextAddress;
    const next = stream.next().then((batch): Next => {
      this.#servers.delivered(slow);
      return { batch, isOfStream: true };
    });
    if (stream.addresses.length === 1) return next;
    const abort = new AbortController();
    const late = delay(limitMs, undefined, { signal: abort.signal }).then(() =>
      this.#hedge(
        cursor,
        stream.addresses.filter((address) => address !== slow),
        abort.signal,
      ),
    );
    const hedged = late.then((batch): Next => {
      this.#servers.wasSlow(slow);
      return { batch, isOfStream: false };
    });
    try {
      // A failure of the stream is final, one of the other server is not.
      return await Promise.race([next, hedged.catch(() => next)]);
    } finally {
      abort.abort();
      next.catch(() => {});
    }
  }

  /** One batch from the first of `addresses`, on a connection of its own. */
  async #hedge(cursor: Cursor, [address]: string[], signal: AbortSignal): Promise<WireBatch> {
    const { batchBytes, onNotice = () => {} } = this.#options;
    const { connection } = await connect(
      this.#servers,
      address,
      this.#options,
      this.description.fingerprint,
      DESCRIBE_MS.min,
    );
    const stream = connection.stream(this.#openRequest(cursor, 1, batchBytes));
    signal.addEventListener("abort", () => stream.close(), { once: true });
    if (signal.aborted) stream.close();
    const batch = await stream.next();
    onNotice(`a batch was late: ${address} made it instead`);
    return batch;
  }

  #drop(stream: StripedStream | null): null {
    if (stream === null) return null;
    stream.close();
    this.#streams.delete(stream);
    return null;
  }

  /** No model is trained on batches other than those requested. */
  #check({ cursor, count, size }: WireBatch, expected: Cursor): void {
    const { size: side, countOf } = this.#plan;
    const rows = countOf(expected.batch);
    const address = `${this.#servers}`;
    const isExpected = cursor.epoch === expected.epoch && cursor.batch === expected.batch;
    if (isExpected && count === rows && size === side) return;
    throw new VitrineError(
      "protocol/unexpected-batch",
      `${address} sent batch ${cursor.batch} of epoch ${cursor.epoch} with ${count} images of ${size} pixels, instead of ` +
        `batch ${expected.batch} of epoch ${expected.epoch} with ${rows} images of ${side} pixels`,
      { details: { server: address } },
    );
  }
}
