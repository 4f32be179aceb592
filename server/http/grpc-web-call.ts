// gRPC-Web call: one call of gRPC-Web as the call object that grpc-js gives its handlers, so that a handler serves both.

import { Duplex } from "node:stream";
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";

export interface GrpcWebCallOptions {
  /** Decoded messages of the request; a unary call has one. */
  requests: readonly unknown[];
  metadata: Metadata;
  path: string;
  /** Milliseconds since 1970. */
  deadline: number;
  peer: string;
  /** Aborts when the caller is gone. */
  signal: AbortSignal;
  /** Before the first message: metadata that is sent ahead. */
  sendHeaders(metadata: Metadata): void;
  /** Resolves when the caller can take another message. */
  sendMessage(message: unknown): Promise<void>;
  /** Called once. */
  end(status: Partial<StatusObject>): void;
}

/** Readable side: the request's messages. Writable side: the answer's. */
export class GrpcWebCall extends Duplex {
  readonly request: unknown;
  readonly metadata: Metadata;
  readonly #options: GrpcWebCallOptions;
  readonly #left: unknown[];
  #ended = false;
  #trailers: Metadata | undefined;
  cancelled = false;

  constructor(options: GrpcWebCallOptions) {
    super({ objectMode: true, emitClose: false });
    this.request = options.requests[0];
    this.metadata = options.metadata;
    this.#options = options;
    this.#left = [...options.requests];
    // A handler ends a stream with an error by emitting it.
    this.on("error", (error: Partial<StatusObject>) => this.finish(error));
    const cancel = () => {
      this.cancelled = true;
      this.emit("cancelled", "cancelled");
    };
    if (options.signal.aborted) cancel();
    else options.signal.addEventListener("abort", cancel, { once: true });
  }

  getDeadline(): number {
    return this.#options.deadline;
  }

  getPeer(): string {
    return this.#options.peer;
  }

  getPath(): string {
    return this.#options.path;
  }

  getHost(): string {
    return "";
  }

  getAuthContext(): Record<string, never> {
    return {};
  }

  sendMetadata(metadata: Metadata): void {
    this.#options.sendHeaders(metadata);
  }

  /** The call has this status; a later one is dropped. */
  finish({ code = status.UNKNOWN, details = "", metadata }: Partial<StatusObject>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.end({ code, details, ...(metadata && { metadata }) });
  }

  override _read(): void {
    this.push(this.#left.length > 0 ? this.#left.shift() : null);
  }

  override _write(message: unknown, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#ended) done();
    else this.#options.sendMessage(message).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.finish({ code: status.OK, ...(this.#trailers && { metadata: this.#trailers }) });
    done();
  }

  /** grpc-js's form of a stream's end: with trailing metadata. */
  // biome-ignore lint/suspicious/noExplicitAny: Duplex's own overloads take chunks here
  override end(trailers?: any): this {
    if (trailers instanceof Metadata) this.#trailers = trailers;
    return super.end();
  }
}
