// Data connection: one channel to a data server, its stream of batches, and what its failures mean.

import { Client, type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import { type BatchPart, pixelBytes, type WireBatch } from "../../proto/batch-codec.js";
import { batchCost } from "../../proto/credits.js";
import { freeMessage } from "../../proto/message-memory.js";
import {
  DATA_SERVICE,
  type DescribeResponse,
  type OpenRequest,
  type StreamRequest,
} from "../../proto/services.js";
import { errorOfStatus, fromStatus } from "../../proto/wire-error.js";
import type { DataDescription } from "../../runtime/batches/batch-source.js";
import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { BatchAssembler, CHUNK_BYTES } from "./batch-assembler.js";
import { type ClientCredentials, handshakeError, probeHandshake } from "./credentials.js";
import { lastErrorOf } from "./last-error.js";

/**
 * HTTP/2 window of the client. Measured on loopback with 9.6 MB messages: 390–920 MB/s with 16 MiB, 270–580 with
 * grpc-js's default of 64 KiB; across an ocean the difference is a hundredfold.
 */
const FLOW_CONTROL_WINDOW_BYTES = 16 * 2 ** 20;

/** Room for the class names of a data set with many classes. */
const MAX_DESCRIPTION_BYTES = 64 * 2 ** 20;

/** Statuses of a transport whose other end died, left or is stopping. Our own cancels never get here. */
const AWAY = new Set<status>([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.INTERNAL,
  status.DEADLINE_EXCEEDED,
]);

/** True where another try, later, can succeed. */
export function isServerAway(error: unknown): error is VitrineError {
  if (!isVitrineError(error)) return false;
  const { code, details } = error;
  if (code === "network/unavailable" || code === "data/opening") return true;
  // Another trainer may leave, but no waiting makes room for a stream that is larger than the server's whole budget.
  return code === "data/server-full" && !(Number(details.needed) > Number(details.memory));
}

/** True where the server, which is listing its files, has listed more of them than before. */
export function isListingOn(error: VitrineError, before: VitrineError): boolean {
  return error.code === "data/opening" && error.details.files !== before.details.files;
}

function typedError(error: ServiceError, address: string): VitrineError {
  const sent = fromStatus(error);
  if (sent && !sent.code.startsWith("network/")) return sent;
  if (sent?.code === "network/unauthenticated")
    return new VitrineError(sent.code, `${address}: ${sent.message}`, { details: { server: address } });
  if (sent || AWAY.has(error.code))
    return new VitrineError("network/unavailable", sent?.message ?? quote(lastErrorOf(error)), {
      details: { server: address },
      cause: error,
    });
  if (error.code === status.UNIMPLEMENTED)
    return new VitrineError(
      "network/not-a-data-server",
      `${address} answers, but is not a data server: give the address of "vitrine data-server" (--data-server)`,
      { details: { server: address } },
    );
  return errorOfStatus(error.code, error.details, address);
}

/** Throws `protocol/answer` where the counts are not one per class. */
function descriptionOf(response: DescribeResponse, address: string): DataDescription {
  const classes = response.classes ?? [];
  const counts = response.counts ?? [];
  const described = {
    fingerprint: response.fingerprint ?? "",
    samples: response.samples ?? 0,
    classes,
    instance: response.instance ?? "",
  };
  // Older servers send none.
  if (counts.length === 0) return described;
  if (counts.length === classes.length) return { ...described, counts };
  throw new VitrineError(
    "protocol/answer",
    `${address} describes ${classes.length} classes with ${counts.length} image counts; expected one per class`,
    { details: { server: address, classes: classes.length, counts: counts.length } },
  );
}

export interface DataConnectionOptions {
  batchBytes: number;
  quietMs: number;
  credentials: ClientCredentials;
  /** Called when batches take long. */
  onNotice?: ((text: string) => void) | undefined;
}

const quietNotice = (address: string, seconds: number): string =>
  `no batch for ${seconds} s: ${address} answers, but is busy or decodes slowly`;

export class DataConnection {
  readonly #address: string;
  readonly #client: Client;
  readonly #credentials: ClientCredentials;

  readonly #quietMs: number;
  readonly #onNotice: (text: string) => void;

  /** `batchBytes` bounds a received message; `quietMs`: see DataStream. Connects at the first call. */
  constructor(
    address: string,
    { batchBytes, quietMs, credentials, onNotice = () => {} }: DataConnectionOptions,
  ) {
    this.#address = address;
    this.#quietMs = quietMs;
    this.#onNotice = onNotice;
    this.#credentials = credentials;
    this.#client = new Client(address, credentials.channel, {
      ...credentials.options,
      "grpc.max_receive_message_length": Math.max(batchBytes, MAX_DESCRIPTION_BYTES),
      "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
      // No keepalive: its timer runs out while a caller's computation blocks the event loop, with the answer already
      // received. A server that vanished is noticed by asking it while a batch is awaited (DataStream).
      // A new connection must not inherit the backoff of the one that failed.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      // The environment's web proxy does not belong between a trainer and its data.
      "grpc.enable_http_proxy": 0,
    });
  }

  describe(deadlineMs: number): Promise<DataDescription> {
    const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.Describe;
    const deadline = Date.now() + deadlineMs;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        this.#credentials.metadata,
        { deadline },
        (error, response) => {
          if (error || !response) return void this.#refusal(error as ServiceError).then(reject);
          try {
            resolve(descriptionOf(response, this.#address));
          } catch (refused) {
            reject(refused);
          }
        },
      );
    });
  }

  /** The error of a call that did not reach a data server, with what a handshake of TLS that failed means. */
  async #refusal(error: ServiceError): Promise<VitrineError> {
    const typed = typedError(error, this.#address);
    if (typed.code !== "network/unavailable" || fromStatus(error)) return typed;
    const { tls } = this.#credentials;
    const known = tls && handshakeError(this.#address, error.details);
    if (known) return known;
    const mayBeHandshake = /Failed to connect|ECONNRESET|EPIPE|socket/i.test(error.details);
    return (mayBeHandshake && (await probeHandshake(this.#address, tls))) || typed;
  }

  /** Opens the connection's only stream. Closing it closes the connection. */
  stream(open: OpenRequest): DataStream {
    const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.StreamBatches;
    const { metadata } = this.#credentials;
    const call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    return new DataStream(call, open, {
      errorOf: (error) => typedError(error, this.#address),
      onClose: () => this.close(),
      quietMs: this.#quietMs,
      onQuiet: (seconds) => this.#onNotice(quietNotice(this.#address, seconds)),
      ask: async (deadlineMs) => void (await this.describe(deadlineMs)),
    });
  }

  close(): void {
    this.#client.close();
  }
}

interface StreamContext {
  errorOf(error: ServiceError): VitrineError;
  onClose(): void;
  /** Milliseconds without a batch after which the server is asked whether it still runs. */
  quietMs: number;
  /** Called with the seconds in which no batch has come from a server that answers. */
  onQuiet(seconds: number): void;
  /** Rejects where the server does not answer within the deadline. */
  ask(deadlineMs: number): Promise<void>;
}

/** Images of each batch that was asked for: of training, the part of this rank. */
function imagesOf({ batchSize, evaluation, world }: OpenRequest): number {
  return evaluation ? (batchSize ?? 0) : (batchSize ?? 0) / (world || 1);
}

/** The server has this many times as long to answer as it may be quiet. */
const ANSWER_FACTOR = 2;

/**
 * One StreamBatches call as a queue of received batches. What it holds never exceeds its credit. Only while a batch is
 * awaited, and thus no computation blocks the event loop, a server that stays quiet is asked whether it still runs:
 * making a batch may take long, but a process that was stopped, or a machine that vanished, does not answer.
 */
export class DataStream {
  readonly #call: ClientDuplexStream<StreamRequest, BatchPart>;
  readonly #assembler: BatchAssembler;
  readonly #context: StreamContext;
  readonly #received: WireBatch[] = [];
  /** performance.now() at the first message of the batch that is being received. */
  #arrivingSince: number | null = null;
  /** Why no more batches will arrive. */
  #failure: VitrineError | null = null;
  #wakeReader: (() => void) | null = null;

  constructor(call: ClientDuplexStream<StreamRequest, BatchPart>, open: OpenRequest, context: StreamContext) {
    const { errorOf } = context;
    this.#call = call;
    this.#context = context;
    this.#assembler = new BatchAssembler(
      pixelBytes({ count: imagesOf(open), size: open.evaluation?.size ?? open.recipe?.size ?? 0 }),
    );
    call.on("data", (part: BatchPart) => this.#receive(part));
    call.on("error", (error: ServiceError) => this.#fail(errorOf(error)));
    call.on("end", () => this.#fail(new VitrineError("network/unavailable", "the server ended the stream")));
    call.write({ open: { ...open, chunkBytes: CHUNK_BYTES } });
  }

  #receive(part: BatchPart): void {
    if (this.#failure) return;
    try {
      this.#arrivingSince ??= performance.now();
      const batch = this.#assembler.add(part);
      if (batch?.pixels !== part.pixels) freeMessage(part.message);
      if (batch === null) return;
      batch.transferSeconds = (performance.now() - this.#arrivingSince) / 1000;
      this.#arrivingSince = null;
      this.#received.push(batch);
      this.#wakeReader?.();
    } catch (error) {
      this.close(error as VitrineError);
    }
  }

  /** The next batch, also one that arrived before the stream failed. Rejects with what the stream ended with. */
  async next(): Promise<WireBatch> {
    const start = performance.now();
    for (;;) {
      const batch = this.#received.shift();
      if (batch) return batch;
      if (this.#failure) throw this.#failure;
      const woken = new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      const timer = setTimeout(() => void this.#askServer(start), this.#context.quietMs);
      await woken;
      clearTimeout(timer);
    }
  }

  /** Wakes the reader, who waits again where the server has answered. */
  async #askServer(waitingSince: number): Promise<void> {
    const { quietMs, ask, onQuiet } = this.#context;
    const deadlineMs = ANSWER_FACTOR * quietMs;
    const start = performance.now();
    try {
      await ask(deadlineMs);
      if (this.#received.length === 0 && this.#failure === null)
        onQuiet(Math.round((performance.now() - waitingSince) / 1000));
    } catch (error) {
      // Where something blocked the event loop, the answer may have come: ask once more.
      const wasBlocked = performance.now() - start > deadlineMs + quietMs;
      if (!wasBlocked && isVitrineError(error)) this.#fail(error);
    }
    this.#wakeReader?.();
  }

  /** Gives the batch's credit back: the consumer is done with it, and its memory is used again. */
  consumed(batch: WireBatch): void {
    const { count, size } = batch;
    this.#assembler.recycle(batch);
    if (this.#failure === null) this.#call.write({ credit: { bytes: batchCost(count, size) } });
  }

  /** Cancels the call: leaving a loop over it does not, and the server would never learn of it. */
  close(reason = new VitrineError("network/closed", "the data connection was closed")): void {
    this.#fail(reason);
    this.#received.length = 0;
    this.#call.cancel();
    this.#context.onClose();
  }

  #fail(error: VitrineError): void {
    this.#failure ??= error;
    this.#wakeReader?.();
  }
}
