// gRPC-Web frames: what a body of application/grpc-web consists of, a flag, a length and a message each; the last one
// of an answer holds the trailers, which HTTP/1.1 gives to no browser. The -text form is the same in base64.

import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { VitrineError } from "../../runtime/errors.js";
import { nextTurn, SLICE_BYTES } from "../slices.js";

const HEADER_BYTES = 5;
const COMPRESSED = 0x01;
const TRAILERS = 0x80;

function malformed(text: string): VitrineError {
  return new VitrineError("protocol/malformed", `the gRPC-Web body ${text}`);
}

/** Messages of a request's body; they alias it. Throws `protocol/malformed`, `protocol/unimplemented`. */
export function readFrames(body: Buffer, maxFrames: number): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    if (body.length - at < HEADER_BYTES)
      throw malformed(`ends inside the header of frame ${messages.length}`);
    const flag = body[at];
    const length = body.readUInt32BE(at + 1);
    const start = at + HEADER_BYTES;
    if (flag === COMPRESSED)
      throw new VitrineError("protocol/unimplemented", "compressed messages; send them as they are");
    if (flag !== 0) throw malformed(`has a frame with flag ${flag}; allowed: 0`);
    if (length > body.length - start)
      throw malformed(`has a frame of ${length} bytes and ${body.length - start} bytes for it`);
    if (messages.length === maxFrames) throw malformed(`has more than ${maxFrames} messages`);
    messages.push(body.subarray(start, start + length));
    at = start + length;
  }
  return messages;
}

function frame(flag: number, message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  framed[0] = flag;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, HEADER_BYTES);
  return framed;
}

export const messageFrame = (message: Uint8Array): Buffer => frame(0, message);

/** Status and trailing metadata as the lines of a header. */
export function trailersFrame({ code, details, metadata }: Partial<StatusObject>): Buffer {
  const lines = [`grpc-status: ${code ?? 0}`];
  // grpc-js sends it in the same form. encodeURI throws for lone surrogates.
  if (details) lines.push(`grpc-message: ${encodeURI(details.replace(/\p{Cs}/gu, "\ufffd"))}`);
  for (const [name, values] of Object.entries((metadata ?? new Metadata()).toHttp2Headers()))
    for (const value of [values].flat()) lines.push(`${name}: ${value}`);
  return frame(TRAILERS, Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "latin1"));
}

/** The bytes of a -text body: pieces of base64, each padded or not. Throws `protocol/malformed`. */
export async function decodeText(text: Buffer): Promise<Buffer> {
  const decoded = Buffer.allocUnsafe(Math.ceil(text.length / 4) * 3);
  let written = 0;
  for (let at = 0; at < text.length; at += SLICE_BYTES) {
    if (at > 0) await nextTurn();
    const slice = text.toString("latin1", at, at + SLICE_BYTES);
    if (!/^[A-Za-z0-9+/=]*$/.test(slice)) throw malformed("is not base64");
    // Padding ends a piece, behind which the next one starts.
    for (const piece of slice.match(/[^=]+={0,2}/g) ?? []) written += decoded.write(piece, written, "base64");
  }
  return decoded.subarray(0, written);
}
