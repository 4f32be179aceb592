// Event streams: server-sent events of runs to pages, in bounded memory. A reader that is slower than its run loses
// events and is told to ask for the whole again; one that does not read at all is cut off.

import type { ServerResponse } from "node:http";
import type { RunEvent } from "../../proto/dashboard.js";
import type { ObservedRun } from "./observed-run.js";

export interface StreamLimits {
  /** Streams at a time; at the limit a new one takes the place of the one that is blocked longest, else of the oldest. */
  maxStreams: number;
  /** Milliseconds after which a stream that takes nothing is ended. */
  stallMs: number;
  /** Milliseconds between signs of life. A page takes a server that misses two of them for gone. */
  aliveMs: number;
}

export const STREAM_LIMITS: Readonly<StreamLimits> = { maxStreams: 64, stallMs: 30_000, aliveMs: 10_000 };

/** Of an EventSource before it connects again. */
const RETRY_MS = 2_000;

class Stream {
  /** When the connection stopped taking bytes; undefined while it takes them. */
  blockedSince: number | undefined;
  #missed = false;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on("drain", () => {
      this.blockedSince = undefined;
      if (!this.#missed) return;
      this.#missed = false;
      this.send({ type: "reload" });
    });
  }

  #write(text: string): void {
    if (!this.#response.write(text)) this.blockedSince ??= performance.now();
  }

  /** What does not fit is left out: at most one event waits beside those in the socket's own buffer. */
  send(event: RunEvent): void {
    if (this.blockedSince !== undefined) this.#missed = true;
    else this.#write(`data: ${JSON.stringify(event)}\n\n`);
  }

  sayAlive(): void {
    if (this.blockedSince === undefined) this.#write("event: alive\ndata:\n\n");
  }

  end(): void {
    this.#response.end();
  }

  cut(): void {
    this.#response.destroy();
  }
}

export class EventStreams {
  readonly #limits: StreamLimits;
  /** In the order in which they came. */
  readonly #streams = new Set<Stream>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: StreamLimits = STREAM_LIMITS) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Answers a request with the run's events until one side ends it. */
  open(run: ObservedRun, response: ServerResponse): void {
    if (this.#streams.size >= this.#limits.maxStreams) this.#giveUpOne();
    response.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
    response.write(`retry: ${RETRY_MS}\n\n`);
    const stream = new Stream(response);
    this.#streams.add(stream);
    const unsubscribe = run.subscribe((event) => stream.send(event));
    this.#timer ??= setInterval(() => this.#look(), this.#limits.aliveMs).unref();
    response.once("close", () => {
      unsubscribe();
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  #giveUpOne(): void {
    const [oldest] = this.#streams;
    let chosen = oldest;
    for (const stream of this.#streams)
      if ((stream.blockedSince ?? Infinity) < (chosen?.blockedSince ?? Infinity)) chosen = stream;
    if (!chosen) return;
    this.#streams.delete(chosen);
    chosen.cut();
  }

  #look(): void {
    const now = performance.now();
    for (const stream of this.#streams) {
      if (stream.blockedSince !== undefined && now - stream.blockedSince > this.#limits.stallMs) stream.cut();
      else stream.sayAlive();
    }
  }

  /** Sends what is written and ends all streams. */
  end(): void {
    for (const stream of this.#streams) stream.end();
  }
}
