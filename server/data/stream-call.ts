// Stream call: one client's stream of batches, from its Open to whatever ends it. Keeps no progress beyond itself.

import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { WireBatch } from "../../proto/batch-codec.js";
import { CreditAccount } from "../../proto/credits.js";
import type { StreamRequest } from "../../proto/data-service.js";
import { toStatus } from "../../proto/error-metadata.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import type { MadeBatch } from "./batch-maker.js";
import type { StreamSettings } from "./open-request.js";
import type { Leased, ReadAhead } from "./read-ahead.js";

type Call = ServerDuplexStream<StreamRequest, WireBatch>;

/** What a stream needs of the service that it belongs to. */
export interface StreamHost {
  /** Checks the first request; throws what is wrong with it. */
  open(request: StreamRequest): StreamSettings;
  /** Batches made ahead, each begun only after `admit`. */
  batches(settings: StreamSettings, admit: () => Promise<void>): ReadAhead<MadeBatch>;
}

/** One stream in progress. */
export interface StreamCall {
  /** Credit that is taken and not given back: batches in the making, held, on their way, or at the client. */
  bytesOutstanding(): number;
  /** Ends the call with this error once the batch that is being written is out. */
  stop(error: VitrineError): void;
}

/** Room of an error's code → gRPC status, for clients that do not know our codes. */
export function statusOf(error: unknown): status {
  if (!isVitrineError(error)) return status.INTERNAL;
  if (error.code === "data/fingerprint-changed") return status.FAILED_PRECONDITION;
  if (error.code === "data/worker-died") return status.INTERNAL;
  const [room] = error.code.split("/");
  if (room === "network") return status.UNAVAILABLE;
  if (room === "jpeg" || room === "image" || room === "file") return status.DATA_LOSS;
  return room === "internal" ? status.INTERNAL : status.INVALID_ARGUMENT;
}

class BatchCall implements StreamCall {
  private account: CreditAccount | null = null;
  private stream: ReadAhead<MadeBatch> | null = null;
  private lastWrite: Promise<void> = Promise.resolve();
  private over = false;

  constructor(
    private readonly call: Call,
    private readonly host: StreamHost,
    private readonly onEnd: () => void,
  ) {
    call.on("data", (request: StreamRequest) => this.receive(request));
    // A client that will grant no more credit has had enough.
    call.on("end", () => this.end(null));
    // grpc-js emits this after a normal end too.
    call.on("cancelled", () => {
      this.end(null);
      this.onEnd();
    });
  }

  bytesOutstanding(): number {
    return this.account?.outstanding ?? 0;
  }

  stop(error: VitrineError): void {
    this.end(error);
  }

  private receive(request: StreamRequest): void {
    if (this.over) return;
    try {
      if (this.account === null) this.start(request);
      else if (request.credit) this.account.grant(request.credit.bytes ?? 0);
      else throw new VitrineError("protocol/bad-request", "every request after the first must be Credit");
    } catch (error) {
      this.end(error);
    }
  }

  private start(request: StreamRequest): void {
    const settings = this.host.open(request);
    const account = new CreditAccount(settings.window);
    this.account = account;
    this.stream = this.host.batches(settings, () => account.take(settings.batchBytes));
    this.send(this.stream).catch((error) => this.end(error));
  }

  private async send(stream: ReadAhead<MadeBatch>): Promise<void> {
    for (;;) {
      const leased = await stream.next();
      if (leased === null || this.over) return;
      this.write(leased);
    }
  }

  /** grpc-js serializes a queued message late: its buffer is free only when the write's callback has come. */
  private write({ item, release }: Leased<MadeBatch>): void {
    this.lastWrite = new Promise((resolve) => {
      this.call.write(item, () => {
        release();
        resolve();
      });
    });
  }

  /** The first reason counts; null ends the stream as agreed. */
  private end(error: unknown): void {
    if (this.over) return;
    this.over = true;
    const reason = error ?? new VitrineError("network/stream-ended", "the client ended the stream");
    this.account?.close(reason);
    this.stream?.close(reason);
    if (this.call.cancelled) {
      this.onEnd();
      return;
    }
    void this.lastWrite.then(() => {
      if (error === null) this.call.end();
      else this.call.emit("error", toStatus(error, statusOf(error)));
      this.onEnd();
    });
  }
}

/** Serves one stream; `onEnd` is called when nothing of it is left, perhaps more than once. */
export function serveBatches(call: Call, host: StreamHost, onEnd: () => void): StreamCall {
  return new BatchCall(call, host, onEnd);
}
