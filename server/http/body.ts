// Body: the stream of a request's body, expanded where it is compressed. It ends at the limit of one request, and where
// all requests together hold too much. @fastify/compress goes on expanding a body after it has refused it; here the
// expansion stops with the refusal.

import { type Readable, Transform } from "node:stream";
import { createGunzip, createInflate, type Gunzip, type Inflate } from "node:zlib";
import { quote, VitrineError } from "../../runtime/errors.js";

const INFLATERS: Readonly<Record<string, () => Gunzip | Inflate>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
};

export function bodyTooLarge(limit: number, what = "the request's body"): VitrineError {
  const text = `${what} has more than ${limit.toLocaleString("en-US")} bytes; send fewer images in a request`;
  return new VitrineError("protocol/message-size", text, { details: { limit } });
}

/** Bytes of bodies that are held for requests in progress, as they arrive. */
export class BodyBudget {
  readonly #limit: number;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws `network/queue-full`. */
  take(bytes: number): void {
    if (this.#held + bytes > this.#limit) {
      const text = `requests of ${this.#held.toLocaleString("en-US")} bytes are in progress; try again later`;
      throw new VitrineError("network/queue-full", text, { details: { retryAfterMs: 1000 } });
    }
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

/** fastify compares what was received with Content-Length, which is about the compressed bytes. */
type BodyStream = Readable & { readonly receivedEncodedLength?: number };

export interface BodyOptions {
  /** Content-Encoding. */
  encoding: string | undefined;
  /** Bytes, expanded. */
  limit: number;
  /** Is called with the bytes as they arrive; what it throws ends the body. */
  take(bytes: number): void;
}

/** Throws `protocol/media-type` for another compression than gzip and deflate. */
function inflaterOf(encoding: string | undefined): { name: string; inflater: Gunzip | Inflate | undefined } {
  const name = encoding?.trim().toLowerCase() ?? "";
  if (name === "" || name === "identity") return { name: "", inflater: undefined };
  if (Object.hasOwn(INFLATERS, name)) return { name, inflater: INFLATERS[name]() };
  const allowed = ["identity", ...Object.keys(INFLATERS)].join(", ");
  const text = `Content-Encoding "${quote(name)}"; allowed in requests: ${allowed}`;
  throw new VitrineError("protocol/media-type", text);
}

/**
 * What `source` expands to. The stream fails with `protocol/message-size`, with `protocol/malformed` for damaged data, and
 * with what `take` throws. Throws `protocol/media-type`.
 */
export function bodyStream(source: Readable, { encoding, limit, take }: BodyOptions): BodyStream {
  const { name, inflater } = inflaterOf(encoding);
  const first = inflater ?? source;
  let encoded = 0;
  let expanded = 0;
  const output = new Transform({
    transform(chunk: Buffer, _, done) {
      expanded += chunk.length;
      try {
        if (expanded > limit)
          throw inflater
            ? bodyTooLarge(limit, `the request's body, expanded from ${name},`)
            : bodyTooLarge(limit);
        take(chunk.length);
      } catch (error) {
        stop(error as Error);
        return;
      }
      done(null, chunk);
    },
  });
  // The request itself is not destroyed: its connection still has to carry the refusal.
  const stop = (error: Error): void => {
    source.off("data", count).unpipe().pause();
    inflater?.destroy();
    output.destroy(error);
  };
  const count = (chunk: Buffer): void => {
    encoded += chunk.length;
  };
  source.on("data", count);
  source.once("error", stop);
  inflater?.once("error", (cause) => {
    const text = `the request's body is not valid ${name} data: ${quote(cause.message)}`;
    stop(new VitrineError("protocol/malformed", text, { cause }));
  });
  if (inflater) source.pipe(inflater);
  first.pipe(output);
  return Object.defineProperty(output, "receivedEncodedLength", { get: () => encoded });
}
