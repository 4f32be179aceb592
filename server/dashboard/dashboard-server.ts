// Dashboard server: training runs over HTTP: what they are, what happens in them, and commands to the one that this
// process trains.

import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { isLocalAddress } from "../../proto/address.js";
import { RUN_COMMANDS, type RunCommand } from "../../proto/dashboard.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { type Activity, Connections, peerOf } from "../connections.js";
import { answerBrokenRequest, errorAnswer } from "../http/answer-errors.js";
import { listenHttp } from "../listen.js";
import type { PageHandler } from "../page/page-handler.js";
import { EventStreams, STREAM_LIMITS, type StreamLimits } from "./event-streams.js";
import type { ObservedRun, ObservedRuns } from "./observed-run.js";
import { refuseOthers, requireToken, sessionCookie } from "./viewers.js";

export interface DashboardOptions {
  /** HOST:PORT; port 0 picks a free port. */
  listen: string;
  /** The flag that gave it, for errors. */
  flag: string;
  runs: ObservedRuns;
  page: PageHandler;
  /** Headers of every answer. */
  headers: Readonly<Record<string, string>>;
  limits?: Partial<StreamLimits>;
}

export interface DashboardServer {
  /** Such as `http://127.0.0.1:8090`. */
  readonly address: string;
  /** The address, and where it is reachable from other machines the token that opens it. */
  readonly link: string;
  /** Streams that are open. */
  viewers(): number;
  /** Sends what is written, and closes the port. */
  close(): Promise<void>;
}

const PAGE = "/dashboard.html";
const MAX_BODY_BYTES = 4096;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 256;
/** Milliseconds in which a request arrives, and after which a connection on which nothing moves is closed. */
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
/** Milliseconds that a request for a batch waits for the next one; the page then asks again. */
const BATCH_WAIT_MS = 20_000;
/** Of the token's secret. */
const TOKEN_BYTES = 24;
/** Open answers are cut off after this many milliseconds. */
const GRACE_MS = 1_000;

type Params = Record<string, string>;

function notFound(what: string): VitrineError {
  return new VitrineError("protocol/not-found", `no ${what}`);
}

/** A number of a path. Throws `protocol/not-found`. */
function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw notFound(`"${quote(text)}"`);
  return Number(text);
}

/** Throws `protocol/media-type`. Pages of other sites can send the types of forms without asking, but not this one. */
function requireJson({ headers: { "content-type": type = "" } }: IncomingMessage): void {
  if (/^application\/json *(;|$)/i.test(type)) return;
  const got = type === "" ? "no Content-Type" : `the Content-Type "${quote(type)}"`;
  throw new VitrineError("protocol/media-type", `${got}; allowed: application/json`);
}

/** Aborts when the caller is gone, or `ms` have passed. */
function untilGone(reply: FastifyReply, ms: number): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  return AbortSignal.any([gone.signal, AbortSignal.timeout(ms)]);
}

function addRoutes(app: FastifyInstance, runs: ObservedRuns, streams: EventStreams, token?: string): void {
  const runOf = async (request: FastifyRequest): Promise<ObservedRun> => {
    const { id } = request.params as Params;
    const run = await runs.find(id);
    if (!run) throw notFound(`run "${quote(id)}"`);
    return run;
  };
  app.get("/api/runs", () => runs.list());
  app.get("/api/runs/:id", async (request) => (await runOf(request)).snapshot());
  app.get("/api/runs/:id/events", async (request, reply) => {
    const run = await runOf(request);
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    streams.open(run, reply.raw);
  });
  app.get("/api/runs/:id/batch", async (request, reply) => {
    const run = await runOf(request);
    if (!run.batch) throw notFound("batches of this run");
    const { after = "0" } = request.query as Params;
    const batch = await run.batch(count(after), untilGone(reply, BATCH_WAIT_MS));
    return batch ?? reply.status(204).send();
  });
  app.get("/api/runs/:id/mistakes", async (request) => {
    const run = await runOf(request);
    if (!run.mistakes) throw notFound("mistakes of this run");
    return run.mistakes();
  });
  app.get("/api/runs/:id/:kind/:number/:place", async (request, reply) => {
    const run = await runOf(request);
    const { kind, number, place } = request.params as Params;
    if (kind !== "batch" && kind !== "mistakes") throw notFound(`"${quote(kind)}"`);
    const picture = await run.picture(kind, count(number), count(place));
    if (!picture) throw notFound("picture of this number: it is no longer kept");
    return reply.type("image/jpeg").send(Buffer.from(picture));
  });
  for (const command of RUN_COMMANDS) {
    app.post(`/api/runs/:id/${command}`, async (request) => {
      const run = await runOf(request);
      if (run.command) return { done: await run.command(command satisfies RunCommand) };
      const text = "this process does not train the run, and cannot pause, save or stop it";
      throw new VitrineError("protocol/failed-precondition", text);
    });
  }
  app.post("/api/session", async (request, reply) => {
    const { token: given } = (request.body ?? {}) as { token?: unknown };
    return reply.header("set-cookie", sessionCookie(String(given), token)).send({ done: "signed in" });
  });
}

function limitConnections(app: FastifyInstance): void {
  const busy = new Map<string, Activity>();
  app.addHook("onRequest", async ({ raw: { socket } }, reply) => {
    const peer = peerOf(socket.remoteAddress, socket.remotePort);
    busy.set(peer, "waiting");
    reply.raw.once("close", () => busy.delete(peer));
  });
  const activityOf = (peer: string): Activity => busy.get(peer) ?? "none";
  const connections = new Connections({ maxConnections: MAX_CONNECTIONS, activityOf });
  app.server.on("connection", (socket) => {
    if (!connections.add(socket)) socket.destroy();
  });
}

function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, headers: more, body } = errorAnswer(error, MAX_BODY_BYTES);
  return reply.status(status).headers(more).send(body);
}

/** Throws what `listenHttp` throws. */
export async function startDashboard(options: DashboardOptions): Promise<DashboardServer> {
  const { runs, page, headers, listen, flag } = options;
  const streams = new EventStreams({ ...STREAM_LIMITS, ...options.limits });
  const token = isLocalAddress(listen) ? undefined : randomBytes(TOKEN_BYTES).toString("base64url");
  const app = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: IDLE_TIMEOUT_MS,
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) => refuse(reply, error),
    routerOptions: { maxParamLength: 300 },
  });
  limitConnections(app);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headers).header("cache-control", "no-store");
    refuseOthers(request.raw, token);
    const isOpen = !request.url.startsWith("/api/") || request.url === "/api/session";
    if (!isOpen) requireToken(request.raw, token);
    if (request.method === "POST") requireJson(request.raw);
  });
  app.setErrorHandler((error, _request, reply) => refuse(reply, error));
  addRoutes(app, runs, streams, token);
  app.setNotFoundHandler((request, reply) => {
    const missing = notFound(`${request.method} "${quote(request.url)}"`);
    const isFile =
      (request.method === "GET" || request.method === "HEAD") && !request.url.startsWith("/api/");
    if (!isFile) return refuse(reply, missing);
    reply.hijack();
    const { raw } = request;
    if (raw.url === "/" || raw.url?.startsWith("/?")) raw.url = PAGE;
    page(raw, reply.raw, () => {
      const { status, body } = errorAnswer(missing, MAX_BODY_BYTES);
      for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value);
      reply.raw.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    return reply;
  });
  await app.ready();
  const address = await listenHttp(app.server, listen, flag);
  return {
    address,
    link: token === undefined ? `${address}/` : `${address}/#token=${token}`,
    viewers: () => streams.count,
    async close() {
      streams.end();
      app.server.close();
      app.server.closeIdleConnections();
      const timer = setTimeout(() => app.server.closeAllConnections(), GRACE_MS);
      await app.close();
      clearTimeout(timer);
    },
  };
}
