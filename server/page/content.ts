// Content: something that is served under one path, and the answer to a GET or HEAD of it: encodings, revalidation, ranges.

import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { negotiate } from "@fastify/accept-negotiator";

/** Bytes in memory, or those of an open file, which stay the same when another file gets its name. */
export type Body = Uint8Array | OpenFile;

export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** Milliseconds; a file that was written to since then is not sent. */
  readonly modifiedMs: number;
}

/** Content encodings in the order of preference. */
const ENCODINGS = ["br", "gzip"] as const;
type Encoding = (typeof ENCODINGS)[number];

export interface Content {
  type: string;
  /** Identifies the bytes; becomes part of the ETag. */
  digest: string;
  body: Body;
  /** The body in content encodings that make it smaller. */
  encoded?: Readonly<Partial<Record<Encoding, Uint8Array>>>;
  /** Whether the path names these bytes forever, as a hash in a file's name does. */
  immutable?: boolean;
}

const REVALIDATED = "no-cache";
const IMMUTABLE = "public, max-age=31536000, immutable";

const sizeOf = (body: Body): number => ("handle" in body ? body.size : body.length);

/** First and last byte, both included. */
type Range = readonly [first: number, last: number];

/**
 * The one range that `header` asks for; null for what is not such a header or asks for several, which is answered with
 * everything, as RFC 9110 allows; `unsatisfiable` where it starts behind the end.
 */
export function parseRange(header: string, size: number): Range | null | "unsatisfiable" {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (!match || (match[1] === "" && match[2] === "")) return null;
  const [from, to] = [match[1], match[2]];
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? "unsatisfiable" : [size - length, size - 1];
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < first) return null;
  return first >= size ? "unsatisfiable" : [first, last];
}

/** Whether the caller has the version `tag` already. Weak tags are compared like strong ones, as RFC 9110 asks here. */
function isKnown(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((text) => ["*", tag].includes(text.trim().replace(/^W\//, "")));
}

/** A part of a file is only of use together with parts of the same version. */
function rangeOf({ headers }: IncomingMessage, tag: string, size: number): ReturnType<typeof parseRange> {
  const { range, "if-range": condition } = headers;
  if (range === undefined || (condition !== undefined && condition !== tag)) return null;
  return parseRange(range, size);
}

function choose(request: IncomingMessage, { body, encoded = {}, digest }: Content) {
  const accepted = request.headers["accept-encoding"];
  const offered = ENCODINGS.filter((name) => encoded[name] !== undefined);
  // A range counts bytes of what is in the file.
  const isPlain = accepted === undefined || request.headers.range !== undefined || offered.length === 0;
  const encoding = isPlain ? null : (negotiate(accepted, offered) as Encoding | null);
  const chosen = encoding === null ? body : (encoded[encoding] as Uint8Array);
  return { body: chosen, encoding, tag: encoding === null ? `"${digest}"` : `"${digest}-${encoding}"` };
}

const PIECE = 256 * 1024;

/**
 * The bytes from `first` to `last` in pieces. Not the handle's own stream: it closes the handle when it is destroyed,
 * as it is when a visitor leaves.
 */
export async function* readPieces({ handle }: OpenFile, [first, last]: Range): AsyncGenerator<Buffer> {
  for (let at = first; at <= last; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, last - at + 1));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${at}`);
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

async function isUnchanged(body: Body): Promise<boolean> {
  if (!("handle" in body)) return true;
  const { size, mtimeMs } = await body.handle.stat();
  return size === body.size && mtimeMs === body.modifiedMs;
}

/** 503 where the file was written to since it was opened: its digest and its size are no longer those announced. */
async function answer(request: IncomingMessage, response: ServerResponse, content: Content): Promise<void> {
  const { body, encoding, tag } = choose(request, content);
  response.setHeader("ETag", tag);
  response.setHeader("Cache-Control", content.immutable ? IMMUTABLE : REVALIDATED);
  if (content.encoded) response.setHeader("Vary", "Accept-Encoding");
  if (isKnown(request.headers["if-none-match"], tag)) {
    response.writeHead(304).end();
    return;
  }
  if (!(await isUnchanged(body))) {
    response.removeHeader("ETag");
    response.writeHead(503, { "Content-Type": "text/plain", "Cache-Control": "no-store" });
    response.end("the file has changed since the server started: its operator has to restart the server\n");
    return;
  }
  const size = sizeOf(body);
  const range = encoding === null ? rangeOf(request, tag, size) : null;
  response.setHeader("Accept-Ranges", "bytes");
  if (range === "unsatisfiable") {
    response.writeHead(416, { "Content-Range": `bytes */${size}` }).end();
    return;
  }
  const [first, last] = range ?? [0, size - 1];
  response.writeHead(range ? 206 : 200, {
    "Content-Type": content.type,
    "Content-Length": last - first + 1,
    ...(range && { "Content-Range": `bytes ${first}-${last}/${size}` }),
    ...(encoding !== null && { "Content-Encoding": encoding }),
  });
  if (request.method === "HEAD" || size === 0) response.end();
  // No further than the caller reads. A connection that breaks, or a file that does, ends the answer.
  else if ("handle" in body) await pipeline(Readable.from(readPieces(body, [first, last])), response);
  else response.end(body.subarray(first, last + 1));
}

/** Answers a GET or HEAD. Headers that the caller of this function has set stay. */
export function sendContent(request: IncomingMessage, response: ServerResponse, content: Content): void {
  answer(request, response, content).catch((error: Error) => response.destroy(error));
}
