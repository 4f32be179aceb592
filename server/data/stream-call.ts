// Stream call: one client's stream of batches, from its first request to its end. It keeps no progress of its own.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import { type BatchPart, partsOf } from "../../proto/batch-codec.js";
import { CreditAccount } from "../../proto/credits.js";
import { freeMessage } from "../../proto/message-memory.js";
import type { StreamRequest } from "../../proto/services.js";
import { toStatus } from "../../proto/wire-error.js";
import type { MadeBatch } from "../../runtime/batches/batch-maker.js";
import type { BatchStream, Leased } from "../../runtime/batches/read-ahead.js";
import { toErrorRecord, VitrineError } from "../../runtime/errors.js";
import { countCode, type ServiceTotals, StreamTotals, type WaitSeconds } from "./service-totals.js";

type Call = ServerDuplexStream<StreamRequest, BatchPart>;

/** What a client's first request asks for. */
export interface OpenedStream {
  /** Credit window in bytes. */
  window: number;
  /** What one batch costs of it. */
  batchBytes: number;
  /** The largest number of bytes of pixels in one message. */
  partBytes: number;
  /** Makes batches ahead, each started only after `admit`. */
  start(admit: () => Promise<void>): BatchStream<MadeBatch>;
}

export interface StreamCallOptions {
  /** Checks the first request, and throws what is wrong with it. */
  open(request: StreamRequest): OpenedStream;
  /** Called when nothing of the stream is left, possibly more than once. */
  onEnd(): void;
  /** Milliseconds for the first request. */
  openMs: number;
  /** Of all streams. */
  totals: ServiceTotals;
}

/** One stream in progress. */
export interface StreamCall {
  /** Credit taken and not yet granted back: batches in the making, held, in flight, or unconsumed by the client. */
  bytesOutstanding(): number;
  /** What the stream has sent and waited for. */
  readonly totals: StreamTotals;
  /** Address of the client. */
  readonly peer: string;
  /** Milliseconds since something was sent or asked for, while there is credit; 0 without. */
  idleMs(): number;
  /** Ends the call with this error once the batch that is being written is out. */
  stop(error: VitrineError): void;
}

class BatchCall implements StreamCall {
  readonly #call: Call;
  readonly #open: (request: StreamRequest) => OpenedStream;
  readonly #onEnd: () => void;
  /** Until the first request. */
  readonly #openTimer: NodeJS.Timeout;
  #account: CreditAccount | null = null;
  #stream: BatchStream<MadeBatch> | null = null;
  #partBytes = 0;
  #lastWrite: Promise<void> = Promise.resolve();
  #ended = false;
  readonly totals = new StreamTotals();
  readonly peer: string;
  readonly #all: ServiceTotals;
  /** performance.now() of the last sign of progress. */
  #progress = performance.now();
  /** The stream waits for its client to grant credit. */
  #lacksCredit = false;
  /** performance.now() when the network had taken what was written before. */
  #sent = 0;

  constructor(call: Call, { open, onEnd, openMs, totals }: StreamCallOptions) {
    this.#call = call;
    this.#all = totals;
    this.peer = call.getPeer();
    this.#openTimer = setTimeout(() => {
      const text = `the stream's first request did not come within ${openMs / 1000} s`;
      this.#end(new VitrineError("protocol/bad-open", text));
    }, openMs);
    this.#open = open;
    this.#onEnd = onEnd;
    call.on("data", (request: StreamRequest) => this.#receive(request));
    // A client that will grant no more credit is done.
    call.on("end", () => this.#end(null));
    // grpc-js emits this after a normal end too.
    call.on("cancelled", () => {
      this.#end(null);
      onEnd();
    });
  }

  bytesOutstanding(): number {
    return this.#account?.outstanding ?? 0;
  }

  idleMs(): number {
    return this.#account === null || this.#lacksCredit ? 0 : performance.now() - this.#progress;
  }

  stop(error: VitrineError): void {
    this.#end(error);
  }

  #receive(request: StreamRequest): void {
    if (this.#ended) return;
    try {
      if (this.#account === null) this.#start(request);
      else if (request.credit) this.#account.grant(request.credit.bytes ?? 0);
      else throw new VitrineError("protocol/bad-request", "every request after the first must be Credit");
    } catch (error) {
      this.#end(error);
    }
  }

  #start(request: StreamRequest): void {
    clearTimeout(this.#openTimer);
    const { window, batchBytes, partBytes, start } = this.#open(request);
    this.#partBytes = partBytes;
    const account = new CreditAccount(window);
    this.#account = account;
    this.#stream = start(() => this.#takeCredit(account, batchBytes));
    this.#send(this.#stream).catch((error) => this.#end(error));
  }

  async #takeCredit(account: CreditAccount, bytes: number): Promise<void> {
    const start = performance.now();
    this.#lacksCredit = true;
    await account.take(bytes);
    this.#lacksCredit = false;
    this.#progress = performance.now();
    this.#addWait("credit", this.#progress - start);
  }

  #addWait(kind: keyof WaitSeconds, milliseconds: number): void {
    for (const totals of [this.totals, this.#all]) totals.addWait(kind, milliseconds);
  }

  async #send(stream: BatchStream<MadeBatch>): Promise<void> {
    for (;;) {
      const start = performance.now();
      const { credit } = this.totals.waits;
      const leased = await stream.next();
      // Not the part of it in which no batch could be started.
      const lacked = 1000 * (this.totals.waits.credit - credit);
      this.#addWait("batch", Math.max(0, performance.now() - start - lacked));
      if (leased === null) return this.#end(null);
      if (this.#ended) return;
      this.#write(leased);
    }
  }

  /**
   * grpc-js serializes a queued message late, once the one before it is written: the buffer is free only after the
   * callback of the last part's write.
   */
  #write({ item, release }: Leased<MadeBatch>): void {
    const parts = [...partsOf(item, this.#partBytes)];
    const last = parts.pop() as BatchPart;
    const start = performance.now();
    for (const part of parts) this.#call.write(part, (error?: Error | null) => freeSent(part, error));
    this.#lastWrite = new Promise((resolve) => {
      this.#call.write(last, (error?: Error | null) => {
        freeSent(last, error);
        release();
        this.#count(item, start);
        resolve();
      });
    });
  }

  /** The network has taken a batch, which was given to it at `start`, behind those before it. */
  #count({ count, pixels }: MadeBatch, start: number): void {
    const now = performance.now();
    this.#addWait("send", now - Math.max(start, this.#sent));
    this.#sent = now;
    this.#progress = now;
    for (const totals of [this.totals, this.#all]) {
      totals.batches++;
      totals.images += count;
      totals.bytes += pixels.length;
    }
  }

  /** The first reason counts; null ends the stream normally. */
  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error !== null) countCode(this.#all.failures, toErrorRecord(error).code);
    clearTimeout(this.#openTimer);
    const reason = error ?? new VitrineError("network/stream-ended", "the client ended the stream");
    this.#account?.close(reason);
    this.#stream?.close(reason);
    if (this.#call.cancelled) {
      this.#onEnd();
      return;
    }
    void this.#lastWrite.then(() => {
      if (error === null) this.#call.end();
      else this.#call.emit("error", toStatus(error, "data"));
      this.#onEnd();
    });
  }
}

/** The network has what was written without an error; after one, a frame may still be read. */
function freeSent({ message }: BatchPart, error: Error | null | undefined): void {
  if (!error) freeMessage(message);
}

export function serveBatches(call: Call, options: StreamCallOptions): StreamCall {
  return new BatchCall(call, options);
}
