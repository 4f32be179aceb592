// Page server: the page and the models that it may load over plain HTTP, with limits on everything that visitors keep
// open.

import { createServer, type Server, type ServerResponse } from "node:http";
import { isLocalAddress } from "../../proto/address.js";
import { quote } from "../../runtime/errors.js";
import { type Activity, Connections, peerOf } from "../connections.js";
import { listenHttp } from "../listen.js";
import { isRebound } from "../own-page.js";
import { createPageHandler, PAGE_HEADERS } from "./page-handler.js";
import { openPageModels, type PageModel } from "./page-models.js";

export interface PageServerOptions {
  /** HOST:PORT; port 0 picks a free port. */
  listen: string;
  /** Folder of the built page, with index.html. */
  app: string;
  models: readonly PageModel[];
  limits?: Partial<PageLimits>;
}

export interface PageLimits {
  /** Connections at a time; at the limit a new one takes the place of one without a request, else of a download. */
  maxConnections: number;
  /** Milliseconds in which a request arrives. */
  requestTimeoutMs: number;
  /** Milliseconds after which a connection on which nothing moves is closed. */
  idleTimeoutMs: number;
}

const DEFAULT_PAGE_LIMITS: Readonly<PageLimits> = {
  maxConnections: 1000,
  requestTimeoutMs: 10_000,
  /** A phone that changes its network takes some seconds. */
  idleTimeoutMs: 60_000,
};

export interface PageServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Finishes the requests in progress, then closes the port. */
  drain(): Promise<void>;
}

/** When the server drains, requests still in progress after this many milliseconds are cut off. */
const GRACE_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** How often Node looks for requests that are late. */
const CHECK_MS = 2_000;

function limitConnections(server: Server, { maxConnections, idleTimeoutMs }: PageLimits): void {
  const downloads = new Map<string, number>();
  const activityOf = (peer: string): Activity => (downloads.has(peer) ? "waiting" : "none");
  const connections = new Connections({ maxConnections, activityOf });
  server.on("connection", (socket) => {
    if (!connections.add(socket)) socket.destroy();
  });
  server.on("request", ({ socket }, response: ServerResponse) => {
    const peer = peerOf(socket.remoteAddress, socket.remotePort);
    downloads.set(peer, (downloads.get(peer) ?? 0) + 1);
    response.once("close", () => {
      const left = (downloads.get(peer) ?? 1) - 1;
      if (left > 0) downloads.set(peer, left);
      else downloads.delete(peer);
    });
  });
  server.setTimeout(idleTimeoutMs);
}

interface Refusal {
  status: number;
  text: string;
  headers?: Readonly<Record<string, string>>;
}

const NOT_FOUND: Refusal = { status: 404, text: "not found" };
const READ_ONLY: Refusal = { status: 405, text: "only GET and HEAD", headers: { Allow: "GET, HEAD" } };

const foreignName = (host = ""): Refusal => ({
  status: 403,
  text:
    `Host "${quote(host)}": a server that listens on this machine alone answers to localhost and 127.0.0.1; ` +
    "a proxy in front of it has to send one of these",
});

function refuse(response: ServerResponse, { status, text, headers }: Refusal): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
  response.writeHead(status, { "Content-Type": "text/plain", "Cache-Control": "no-store", ...headers });
  response.end(`${text}\n`);
}

/**
 * Throws `file/not-found` where the page has not been built, `file/unreadable` where weights cannot be read, and what
 * `listenHttp` throws.
 */
export async function startPageServer({
  listen,
  app,
  models,
  ...options
}: PageServerOptions): Promise<PageServer> {
  const limits = { ...DEFAULT_PAGE_LIMITS, ...options.limits };
  const opened = await openPageModels(models);
  try {
    const servePage = createPageHandler(app, opened.files);
    const isLocal = isLocalAddress(listen);
    const http = { maxHeaderSize: MAX_HEADER_BYTES, connectionsCheckingInterval: CHECK_MS };
    const server = createServer(
      { ...http, requestTimeout: limits.requestTimeoutMs, headersTimeout: limits.requestTimeoutMs },
      (request, response) => {
        if (isLocal && isRebound(request)) refuse(response, foreignName(request.headers.host));
        else if (request.method !== "GET" && request.method !== "HEAD") refuse(response, READ_ONLY);
        else servePage(request, response, () => refuse(response, NOT_FOUND));
      },
    );
    limitConnections(server, limits);
    const address = await listenHttp(server, listen);
    return { address, drain: () => drain(server).then(opened.close) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
