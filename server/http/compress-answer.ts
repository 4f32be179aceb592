// Compressed answers: JSON and text as gzip or Brotli where the caller takes it. Tensors are sent as they are: floats
// hardly shrink, and 10 MB of them take a quarter of a second.

import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { negotiate } from "@fastify/accept-negotiator";
import type { FastifyReply, FastifyRequest } from "fastify";

/** A smaller answer is one packet anyway. */
const MIN_BYTES = 1400;
const GZIP_LEVEL = 4;
const BROTLI_QUALITY = 4;

const ENCODINGS = ["br", "gzip"];
const COMPRESSIBLE = /^(application\/json|text\/)/;

const compressors: Readonly<Record<string, (bytes: Buffer) => Promise<Buffer>>> = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: (bytes) => promisify(gzip)(bytes, { level: GZIP_LEVEL }),
};

/** A hook of fastify: the payload, or what replaces it. Threads of Node's pool compress it. */
export async function compressAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const isBytes = typeof payload === "string" || Buffer.isBuffer(payload);
  if (!isBytes || payload.length < MIN_BYTES || reply.hasHeader("content-encoding")) return payload;
  if (!COMPRESSIBLE.test(String(reply.getHeader("content-type") ?? ""))) return payload;
  const vary = reply.getHeader("vary");
  reply.header("vary", vary === undefined ? "accept-encoding" : `${vary}, accept-encoding`);
  const accepted = request.headers["accept-encoding"];
  const encoding = accepted === undefined ? null : negotiate(accepted, ENCODINGS);
  if (!encoding) return payload;
  const compressed = await compressors[encoding](Buffer.from(payload));
  reply.header("content-encoding", encoding);
  reply.header("content-length", compressed.length);
  return compressed;
}
