// Stream call: one client's stream of batches, from its first request to its end. It keeps no progress of its own.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import { type BatchPart, partsOf } from "../../proto/batch-codec.js";
import { CreditAccount } from "../../proto/credits.js";
import type { StreamRequest } from "../../proto/services.js";
import { toStatus } from "../../proto/wire-error.js";
import { VitrineError } from "../../runtime/errors.js";
import type { MadeBatch } from "./batch-maker.js";
import type { BatchStream, Leased } from "./read-ahead.js";

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
}

/** One stream in progress. */
export interface StreamCall {
  /** Credit taken and not yet granted back: batches in the making, held, in flight, or unconsumed by the client. */
  bytesOutstanding(): number;
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

  constructor(call: Call, { open, onEnd, openMs }: StreamCallOptions) {
    this.#call = call;
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
    this.#stream = start(() => account.take(batchBytes));
    this.#send(this.#stream).catch((error) => this.#end(error));
  }

  async #send(stream: BatchStream<MadeBatch>): Promise<void> {
    for (;;) {
      const leased = await stream.next();
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
    for (const part of parts) this.#call.write(part);
    this.#lastWrite = new Promise((resolve) => {
      this.#call.write(last, () => {
        release();
        resolve();
      });
    });
  }

  /** The first reason counts; null ends the stream normally. */
  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
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

export function serveBatches(call: Call, options: StreamCallOptions): StreamCall {
  return new BatchCall(call, options);
}
