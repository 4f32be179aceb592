// gRPC-Web client: what a page does to call a gRPC service, in 60 lines of fetch.

import type { MethodDefinition } from "@grpc/grpc-js";

export interface GrpcWebReply<Response> {
  messages: Response[];
  /** Trailers by name; grpc-message is decoded. */
  trailers: Record<string, string>;
  headers: Headers;
}

export interface GrpcWebInit {
  /** The form in base64. */
  text?: boolean;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Of a call with a stream of answers: called with each as it arrives. */
  onMessage?: (message: unknown) => void;
}

export function frame(message: Uint8Array, flag = 0): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flag;
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** The bytes of a -text body: each piece of base64 ends with its padding. */
const decodeText = (text: string): Buffer =>
  Buffer.concat((text.match(/[^=]+={0,2}/g) ?? []).map((piece) => Buffer.from(piece, "base64")));

function parseTrailers(bytes: Buffer): Record<string, string> {
  const lines = bytes.toString("latin1").split("\r\n").filter(Boolean);
  const entries = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), decodeURIComponent(line.slice(colon + 1).trim())];
  });
  return Object.fromEntries(entries);
}

/** Calls with messages, or with a body that is none. */
export async function callGrpcWeb<Request, Response>(
  url: string,
  method: MethodDefinition<Request, Response>,
  request: readonly Request[] | Buffer,
  { text = false, headers = {}, signal, onMessage }: GrpcWebInit = {},
): Promise<GrpcWebReply<Response>> {
  const body = Buffer.isBuffer(request)
    ? request
    : Buffer.concat(request.map((message) => frame(method.requestSerialize(message))));
  const response = await fetch(url + method.path, {
    method: "POST",
    headers: { "content-type": `application/grpc-web${text ? "-text" : ""}+proto`, ...headers },
    body: text ? body.toString("base64") : new Uint8Array(body),
    ...(signal && { signal }),
  });
  const messages: Response[] = [];
  let trailers: Record<string, string> = {};
  let left: Buffer = Buffer.alloc(0);
  let pending = "";
  for await (const chunk of response.body ?? []) {
    if (text) {
      pending += Buffer.from(chunk as Uint8Array).toString("latin1");
      const whole = pending.length - (pending.length % 4);
      left = Buffer.concat([left, decodeText(pending.slice(0, whole))]);
      pending = pending.slice(whole);
    } else left = Buffer.concat([left, chunk as Uint8Array]);
    while (left.length >= 5 && left.length >= 5 + left.readUInt32BE(1)) {
      const payload = left.subarray(5, 5 + left.readUInt32BE(1));
      if (left[0] & 0x80) trailers = parseTrailers(payload);
      else {
        messages.push(method.responseDeserialize(payload));
        onMessage?.(messages.at(-1));
      }
      left = left.subarray(5 + payload.length);
    }
  }
  return { messages, trailers, headers: response.headers };
}
