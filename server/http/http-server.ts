// HTTP server: the REST interface, gRPC-Web, metrics and the page on one port, with limits on everything that a caller
// sends or keeps open.

import cors from "@fastify/cors";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { isLocalAddress } from "../../proto/address.js";
import { Connections } from "../connections.js";
import type { CallObserver, ModelRepository } from "../inference/contract.js";
import type { Statistics } from "../inference/observation/statistics.js";
import { listenHttp } from "../listen.js";
import type { PageHandler } from "../page/page-handler.js";
import { REQUEST_ID, requestIdOf } from "../request-id.js";
import type { HttpsMaterial } from "../tls.js";
import { answerBrokenRequest } from "./answer-errors.js";
import { addGrpcWeb, type GrpcWebService, grpcWebPaths } from "./grpc-web.js";
import { inferRoutes } from "./infer-routes.js";
import { modelRoutes } from "./model-routes.js";
import { openApiDocument } from "./openapi.js";
import { type Access, addRequestHooks } from "./request-hooks.js";
import { RequestsInProgress } from "./requests-in-progress.js";
import type { Route } from "./route.js";
import { addOtherMethods, addRoute, sendError } from "./serve-route.js";

export interface HttpServerOptions {
  /** HOST:PORT; port 0 picks a free port. */
  listen: string;
  repository: ModelRepository;
  /** Version of Vitrine. */
  version: string;
  /** False while loading or draining. */
  isReady(): boolean;
  /** Largest request body in bytes, compressed or not. */
  maxMessageBytes: number;
  /** Services that browsers call by gRPC-Web. They check tokens themselves, as over gRPC. Default: none. */
  services?: readonly GrpcWebService[];
  /** Throws `network/…` for a caller that may not. Default: everyone may. */
  access?: Access | undefined;
  /** Default: plain HTTP. */
  tls?: HttpsMaterial | undefined;
  /** Origins whose pages may call, or `*`. Default: none but this server's own. */
  corsOrigins?: readonly string[];
  /** Answers GET /metrics. Default: 404. */
  metrics?: (() => Promise<{ contentType: string; body: string }>) | undefined;
  /** Answers what no route does, or calls `next`. Default: 404. */
  page?: PageHandler | undefined;
  /** Answers GET …/stats. Default: 404. */
  statistics?: Statistics | undefined;
  /** Is notified of inferences. */
  calls?: CallObserver | undefined;
  /** Is notified of errors that are the server's fault. */
  failed?: ((error: unknown, requestId: string) => void) | undefined;
  limits?: Partial<HttpLimits>;
}

export interface HttpLimits {
  /** Connections at once; at the limit a new one takes the place of an idle one, as `server/connections.ts` says. */
  maxConnections: number;
  /** Milliseconds in which a request's headers arrive, and in which all of it does. */
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  /** Milliseconds that an idle connection stays open for another request. */
  keepAliveMs: number;
  /** Milliseconds after which an inference is given up. */
  inferTimeoutMs: number;
}

const DEFAULT_HTTP_LIMITS: Readonly<HttpLimits> = {
  maxConnections: 1000,
  headersTimeoutMs: 10_000,
  /** 64 MiB at 5 Mbit/s. */
  requestTimeoutMs: 120_000,
  /** Longer than the 60 s of common load balancers, which otherwise reuse a connection as it is closed. */
  keepAliveMs: 65_000,
  inferTimeoutMs: 60_000,
};

export interface HttpServer {
  /** Such as `http://127.0.0.1:8000`, with the real port. */
  readonly address: string;
  /**
   * Takes no new connection, and closes each after its request in progress. Resolves to the number of requests that
   * were cut off after `graceMs`.
   */
  drain(graceMs: number): Promise<number>;
}

const MAX_HEADER_BYTES = 16 * 1024;
/** How often Node looks for requests that are late. */
const CHECK_MS = 2_000;
/** Names of models and versions in a path. */
const MAX_PARAMETER = 512;

const EXPOSED_HEADERS = [
  "grpc-status",
  "grpc-message",
  "vitrine-error-bin",
  REQUEST_ID,
  "inference-header-content-length",
  "retry-after",
];

function createApp({ maxMessageBytes, tls }: HttpServerOptions, limits: HttpLimits): FastifyInstance {
  const http = { maxHeaderSize: MAX_HEADER_BYTES, connectionsCheckingInterval: CHECK_MS };
  const options = {
    bodyLimit: maxMessageBytes,
    keepAliveTimeout: limits.keepAliveMs,
    requestTimeout: limits.requestTimeoutMs,
    // A caller that neither sends nor reads, while nothing is computed for it.
    connectionTimeout: Math.max(limits.requestTimeoutMs, limits.inferTimeoutMs) + limits.keepAliveMs,
    genReqId: (request: { headers: Record<string, unknown> }) => requestIdOf(request.headers[REQUEST_ID]),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      reply.header(REQUEST_ID, request.id);
      sendError(reply, error, maxMessageBytes);
    },
    routerOptions: { maxParamLength: MAX_PARAMETER },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allowUnionTypes: true } } as const,
  };
  const app = (tls
    ? Fastify({ ...options, https: { ...http, ...tls.options() } })
    : Fastify({ ...options, http })) as unknown as FastifyInstance;
  tls?.onChange(() =>
    (app.server as unknown as { setSecureContext(o: object): void }).setSecureContext(tls.options()),
  );
  app.server.headersTimeout = limits.headersTimeoutMs;
  return app;
}

function extraRoutes({ metrics }: HttpServerOptions, document: () => object): Route[] {
  const text = { "text/plain": { type: "string" } };
  const routes: Route[] = [
    {
      method: "GET",
      path: "/openapi.json",
      scope: "open",
      summary: "This description",
      answers: { 200: { description: "OpenAPI 3.1", content: { "application/json": { type: "object" } } } },
      handle: () => ({ body: document() }),
    },
  ];
  if (metrics) {
    routes.push({
      method: "GET",
      path: "/metrics",
      scope: "infer",
      summary: "Metrics in Prometheus's format",
      answers: { 200: { description: "The metrics", content: text } },
      handle: async () => {
        const { contentType: type, body } = await metrics();
        return { type, body };
      },
    });
  }
  return routes;
}

/** Throws what `listenHttp` throws. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { repository, version, isReady, services = [], corsOrigins = [], calls, tls } = options;
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const app = createApp(options, limits);
  const inProgress = new RequestsInProgress();
  const { maxConnections } = limits;
  const connections = new Connections({ maxConnections, activityOf: (peer) => inProgress.activityOf(peer) });
  app.server.on("connection", (socket) => {
    if (!connections.add(socket)) socket.destroy();
  });
  let isDraining = false;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  if (corsOrigins.length > 0) {
    await app.register(cors, {
      origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
      methods: ["GET", "HEAD", "POST"],
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: 3600,
      // Any other OPTIONS is answered alike.
      strictPreflight: false,
    });
  }
  app.addHook("onRequest", async (request, reply) => inProgress.begin(request, reply));
  addRequestHooks(app, {
    access: options.access,
    corsOrigins,
    isLocal: isLocalAddress(options.listen),
    maxMessageBytes: options.maxMessageBytes,
    page: options.page,
    failed: options.failed,
    isDraining: () => isDraining,
  });
  const routes: Route[] = [
    ...modelRoutes({ repository, version, isReady, statistics: options.statistics }),
    ...inferRoutes({ repository, calls }),
  ];
  let document: object | undefined;
  routes.push(...extraRoutes(options, () => (document ??= openApiDocument(routes, services, version))));
  for (const route of routes) addRoute(app, route, limits.inferTimeoutMs);
  addGrpcWeb(app, { services, timeoutMs: limits.inferTimeoutMs });
  addOtherMethods(app, [...routes, ...grpcWebPaths(services).map((path) => ({ method: "POST", path }))]);
  await app.ready();
  const bound = await listenHttp(app.server, options.listen, "--http");
  return {
    address: tls ? bound.replace(/^http:/, "https:") : bound,
    async drain(graceMs) {
      isDraining = true;
      app.server.close();
      app.server.closeIdleConnections();
      const cut = await inProgress.ended(graceMs);
      app.server.closeAllConnections();
      await app.close();
      return cut;
    },
  };
}
