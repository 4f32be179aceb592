// Body: a compressed request body as the stream of what it expands to, which ends at the limit. @fastify/compress goes
// on expanding a body after it has refused it; here the expansion stops with the refusal.

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

/** fastify compares what was received with Content-Length, which is about the compressed bytes. */
type BodyStream = Readable & { readonly receivedEncodedLength?: number };

/**
 * The body of a request with `Content-Encoding: encoding`. The stream fails with `protocol/message-size` beyond `limit`
 * bytes, and with `protocol/malformed` for damaged data. Throws `protocol/media-type`.
 */
export function expandedBody(source: Readable, encoding: string | undefined, limit: number): BodyStream {
  const name = encoding?.trim().toLowerCase() ?? "identity";
  if (name === "" || name === "identity") return source;
  if (!Object.hasOwn(INFLATERS, name)) {
    const allowed = ["identity", ...Object.keys(INFLATERS)].join(", ");
    throw new VitrineError(
      "protocol/media-type",
      `Content-Encoding "${quote(name)}"; allowed in requests: ${allowed}`,
    );
  }
  const inflater = INFLATERS[name]();
  let encoded = 0;
  let expanded = 0;
  const output = new Transform({
    transform(chunk: Buffer, _, done) {
      expanded += chunk.length;
      if (expanded <= limit) done(null, chunk);
      else stop(bodyTooLarge(limit, `the request's body, expanded from ${name},`));
    },
  });
  // The request itself is not destroyed: its connection still has to carry the refusal.
  const stop = (error: Error): void => {
    source.unpipe(inflater);
    inflater.destroy();
    output.destroy(error);
  };
  source.on("data", (chunk: Buffer) => {
    encoded += chunk.length;
  });
  source.once("error", stop);
  inflater.once("error", (cause) => {
    const text = `the request's body is not valid ${name} data: ${quote(cause.message)}`;
    stop(new VitrineError("protocol/malformed", text, { cause }));
  });
  source.pipe(inflater).pipe(output);
  return Object.defineProperty(output, "receivedEncodedLength", { get: () => encoded });
}
