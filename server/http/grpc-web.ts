// gRPC-Web: the calls of the gRPC services for browsers, which cannot speak gRPC itself, on the HTTP port and without a
// proxy. A request's messages come at once, so a stream of requests ends before it is answered.

import { PassThrough } from "node:stream";
import {
  Metadata,
  type MethodDefinition,
  type StatusObject,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { toStatus } from "../../proto/wire-error.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { REQUEST_ID } from "../request-id.js";
import { GrpcWebCall } from "./grpc-web-call.js";
import { decodeText, messageFrame, readFrames, trailersFrame } from "./grpc-web-frames.js";
import { lifeOfRequest } from "./request-life.js";

/** A service as grpc-js's `addService` takes it. */
export interface GrpcWebService {
  // biome-ignore lint/suspicious/noExplicitAny: methods of different messages in one object, as grpc-js has them
  definition: Readonly<Record<string, MethodDefinition<any, any>>>;
  handlers: UntypedServiceImplementation;
}

export interface GrpcWebOptions {
  services: readonly GrpcWebService[];
  /** Milliseconds of a unary call that states no timeout. */
  timeoutMs: number;
}

const CONTENT_TYPE = /^application\/grpc-web(-text)?(\+proto)?\s*(;|$)/;
export const isGrpcWeb = (contentType: string | undefined): boolean => CONTENT_TYPE.test(contentType ?? "");

/** Of a stream of requests. */
const MAX_MESSAGES = 256;

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** grpc-timeout as milliseconds; undefined where the caller sets none. Throws `protocol/malformed`. */
function timeoutOf(header: unknown): number | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(header));
  if (match) return Number(match[1]) * UNIT_MS[match[2]];
  throw new VitrineError(
    "protocol/malformed",
    `grpc-timeout is "${quote(String(header))}"; allowed: up to 8 digits and H, M, S, m, u or n`,
  );
}

/** The headers as grpc-js's metadata; one that is no metadata is the transport's. */
function metadataOf(request: FastifyRequest): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(request.headers)) {
    try {
      for (const one of [value].flat())
        if (one !== undefined) metadata.add(name, name.endsWith("-bin") ? Buffer.from(one, "base64") : one);
    } catch {}
  }
  metadata.set(REQUEST_ID, request.id);
  return metadata;
}

/** The answer on its way: frames as bytes or in base64. */
class Answer {
  readonly #stream = new PassThrough();
  readonly #reply: FastifyReply;
  readonly #isText: boolean;
  #started = false;

  constructor(reply: FastifyReply, isText: boolean) {
    this.#reply = reply;
    this.#isText = isText;
    reply.type(`application/grpc-web${isText ? "-text" : ""}+proto`);
  }

  setHeaders(metadata: Metadata): void {
    if (this.#started) return;
    for (const [name, values] of Object.entries(metadata.toHttp2Headers()))
      if (values !== undefined) this.#reply.header(name, values);
  }

  /** Resolves when the caller's connection takes more. */
  write(frame: Buffer): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      this.#reply.send(this.#stream);
    }
    const sent = this.#stream.write(this.#isText ? frame.toString("base64") : frame);
    if (sent || this.#stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.once("drain", resolve);
      this.#stream.once("close", resolve);
    });
  }

  end(result: Partial<StatusObject>): void {
    void this.write(trailersFrame(result));
    this.#stream.end();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
type Method = MethodDefinition<any, any>;

async function answerCall(
  request: FastifyRequest,
  answer: Answer,
  method: Method,
  handler: UntypedHandleCall,
  isText: boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const timeout = timeoutOf(request.headers["grpc-timeout"]);
  const body = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
  const messages = readFrames(
    isText ? await decodeText(body) : body,
    method.requestStream ? MAX_MESSAGES : 1,
  );
  if (messages.length === 0 && !method.requestStream)
    throw new VitrineError("protocol/malformed", "the gRPC-Web body has no message");
  const requests = messages.map((message) => {
    try {
      return method.requestDeserialize(message);
    } catch (cause) {
      const text = "the request's bytes are not a message of this call";
      throw new VitrineError("protocol/malformed", text, { cause });
    }
  });
  const isStream = method.requestStream || method.responseStream;
  const call = new GrpcWebCall({
    requests,
    metadata: metadataOf(request),
    path: method.path,
    // A watch has no end of its own.
    deadline:
      timeout === undefined && isStream ? Number.POSITIVE_INFINITY : Date.now() + (timeout ?? timeoutMs),
    peer: `${request.ip}:${request.socket.remotePort ?? 0}`,
    signal,
    sendHeaders: (metadata) => answer.setHeaders(metadata),
    sendMessage: (message) => answer.write(messageFrame(method.responseSerialize(message))),
    end: (result) => answer.end(result),
  });
  const handle = handler as unknown as (call: GrpcWebCall, callback?: unknown) => void;
  if (isStream) {
    // Nothing need be sent for minutes, and the connection is not idle.
    request.socket.setTimeout(0);
    handle(call);
    return;
  }
  handle(call, (error: Partial<StatusObject> | null, response: unknown, trailers?: Metadata) => {
    if (error) call.finish({ ...error, ...(trailers && { metadata: trailers }) });
    else {
      void answer.write(messageFrame(method.responseSerialize(response)));
      call.finish({ code: status.OK, ...(trailers && { metadata: trailers }) });
    }
  });
}

/** The status and text of an error before or instead of an answer, as trailers in a body of their own. */
export function refuseGrpcWeb(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const isText = /^application\/grpc-web-text/.test(request.headers["content-type"] ?? "");
  const frame = trailersFrame(toStatus(error, "inference"));
  return reply
    .status(200)
    .type(`application/grpc-web${isText ? "-text" : ""}+proto`)
    .send(isText ? frame.toString("base64") : frame);
}

/** Paths of the methods that are served. */
export const grpcWebPaths = (services: readonly GrpcWebService[]): string[] =>
  services.flatMap(({ definition, handlers }) =>
    Object.entries(definition).flatMap(([name, { path }]) => (handlers[name] ? [path] : [])),
  );

/** One route for each method, such as POST /inference.GRPCInferenceService/ModelInfer. */
export function addGrpcWeb(app: FastifyInstance, { services, timeoutMs }: GrpcWebOptions): void {
  for (const { definition, handlers } of services) {
    for (const [name, method] of Object.entries(definition)) {
      const handler = handlers[name];
      if (!handler) continue;
      app.post(method.path, async (request, reply) => {
        const contentType = request.headers["content-type"] ?? "";
        if (!isGrpcWeb(contentType))
          throw new VitrineError(
            "protocol/media-type",
            `Content-Type "${quote(contentType)}"; allowed: application/grpc-web+proto, application/grpc-web-text+proto. ` +
              "gRPC itself is on a port of its own",
          );
        const isText = contentType.startsWith("application/grpc-web-text");
        const { signal } = lifeOfRequest(request, reply, timeoutMs);
        const answer = new Answer(reply, isText);
        await answerCall(request, answer, method, handler, isText, timeoutMs, signal);
        return reply;
      });
    }
  }
}
