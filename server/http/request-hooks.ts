// Request hooks: what happens to every request before and after its route: its id, who calls, compression, errors.

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { quote, VitrineError } from "../../runtime/errors.js";
import { nameCaller } from "../caller.js";
import { isLoopbackName, isOwnPage } from "../own-page.js";
import type { PageHandler } from "../page/page-handler.js";
import { clientOfAddress } from "../rate-limit.js";
import { REQUEST_ID } from "../request-id.js";
import { errorAnswer } from "./answer-errors.js";
import { BodyBudget, bodyStream } from "./body.js";
import { compressAnswer } from "./compress-answer.js";
import { isGrpcWeb, refuseGrpcWeb } from "./grpc-web.js";
import type { Scope } from "./route.js";
import { sendError } from "./serve-route.js";

/** Returns a name of the caller; throws `network/…` for one that may not. `address`: the caller's. */
export interface Access {
  require(scope: Scope, authorization: string | undefined, address: string): string;
}

/** The bodies that are held at once are as large as this many of the largest. */
const BODIES = 2;

export interface RequestHooksOptions {
  access: Access | undefined;
  corsOrigins: readonly string[];
  /** It listens on a loopback address. */
  isLocal: boolean;
  maxMessageBytes: number;
  page: PageHandler | undefined;
  failed: ((error: unknown, requestId: string) => void) | undefined;
  isDraining(): boolean;
}

/**
 * A page of another origin may not call where `corsOrigins` does not allow it. Browsers send simple requests without
 * asking; without this, any page that a user visits could unload the models of a server on the same machine.
 */
function refuseForeignPages(request: FastifyRequest, corsOrigins: readonly string[]): void {
  const { origin } = request.headers;
  if (origin === undefined || corsOrigins.includes("*") || corsOrigins.includes(origin)) return;
  if (["GET", "HEAD", "OPTIONS"].includes(request.method) || isOwnPage(request, origin)) return;
  throw new VitrineError(
    "network/forbidden",
    `pages of ${quote(origin)} may not call this server; its operator allows origins with --cors-origin`,
  );
}

/**
 * A server of this machine alone answers to a name of this machine: DNS may give 127.0.0.1 for any other name, and what a
 * page of that name asks for by GET, browsers send without its origin. Names of allowed origins are allowed.
 */
function refuseForeignNames({ headers: { host } }: FastifyRequest, corsOrigins: readonly string[]): void {
  if (host === undefined || corsOrigins.includes("*") || isLoopbackName(host)) return;
  if (corsOrigins.some((origin) => URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new VitrineError(
    "network/forbidden",
    `Host "${quote(host)}": a server that listens on this machine alone answers to localhost and 127.0.0.1; its ` +
      "operator allows other names with --cors-origin",
  );
}

const isReading = ({ method }: FastifyRequest): boolean => method === "GET" || method === "HEAD";

export function addRequestHooks(app: FastifyInstance, options: RequestHooksOptions): void {
  const { access, corsOrigins, isLocal, maxMessageBytes, page, failed, isDraining } = options;
  const budget = new BodyBudget(BODIES * maxMessageBytes);
  const limitOf = (request: FastifyRequest) => request.routeOptions.bodyLimit ?? maxMessageBytes;
  app.addHook("onRequest", async (request, reply) => {
    reply.header(REQUEST_ID, request.id);
    if (isLocal) refuseForeignNames(request, corsOrigins);
    refuseForeignPages(request, corsOrigins);
    const { scope = "infer" } = request.routeOptions.config as { scope?: Scope };
    // What has no route may be a file of the page, in which a visitor enters the token.
    const isPage = page !== undefined && request.is404 && isReading(request);
    const caller = isPage ? undefined : access?.require(scope, request.headers.authorization, request.ip);
    nameCaller(request, caller ?? clientOfAddress(request.ip));
  });
  app.addHook("preParsing", async (request, reply, payload) => {
    const {
      "content-encoding": encoding,
      "content-length": length,
      "transfer-encoding": chunked,
    } = request.headers;
    if (length === undefined && chunked === undefined) return payload;
    let taken = 0;
    const take = (bytes: number) => {
      budget.take(bytes);
      taken += bytes;
    };
    reply.raw.once("close", () => {
      budget.release(taken);
      taken = 0;
    });
    return bodyStream(payload as Readable, { encoding, limit: limitOf(request), take });
  });
  app.addHook("onSend", async (request, reply, payload) => {
    if (isDraining()) reply.header("connection", "close");
    return compressAnswer(request, reply, payload);
  });
  app.setErrorHandler((error, request, reply) => {
    if (errorAnswer(error, limitOf(request)).status === 500) failed?.(error, request.id);
    if (isGrpcWeb(request.headers["content-type"])) return refuseGrpcWeb(request, reply, error);
    return sendError(reply, error, limitOf(request));
  });
  app.setNotFoundHandler((request, reply) => {
    const url = quote(request.url);
    if (isGrpcWeb(request.headers["content-type"])) {
      return refuseGrpcWeb(request, reply, new VitrineError("protocol/unimplemented", `no method "${url}"`));
    }
    const missing = new VitrineError(
      "protocol/not-found",
      `no ${request.method} "${url}"; see /openapi.json for what there is`,
    );
    if (!page || !isReading(request)) return sendError(reply, missing, maxMessageBytes);
    reply.hijack();
    page(request.raw, reply.raw, () => {
      const { status, body } = errorAnswer(missing, maxMessageBytes);
      reply.raw.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    return reply;
  });
}
