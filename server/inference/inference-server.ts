// Inference server: gRPC and HTTP for the same models, from listening to the last response.

import { Server } from "@grpc/grpc-js";
import { HEALTH_SERVICE, INFERENCE_SERVICE, REFLECTION_SERVICES } from "../../proto/services.js";
import type { Scope } from "../access.js";
import { createHealth, type Health } from "../health.js";
import type { GrpcWebService } from "../http/grpc-web.js";
import { createHttpServer, type HttpServer } from "../http/http-server.js";
import { type GrpcSocket, listenGrpc } from "../listen.js";
import { countOpenCalls, type OpenCalls } from "../open-calls.js";
import { createReflection } from "../reflection.js";
import { type OpenedSecurity, openSecurity } from "../security.js";
import { typedRefusals } from "../unary-call.js";
import type { ModelRepository } from "./contract.js";
import { createEngine } from "./engine/engine.js";
import { createInferenceHandlers, type ServiceOptions } from "./protocol/grpc-service.js";
import { overloadAsUnavailable } from "./protocol/overload-status.js";
import { fixedRepository } from "./repository/fixed-repository.js";
import type { LiveRepository } from "./repository/live-repository.js";
import {
  DEFAULT_CONNECTIONS,
  DEFAULT_GRACE_MS,
  DEFAULT_LIMITS,
  type InferenceServerOptions,
} from "./server-options.js";
import { type RunningServer, stopServer } from "./stop-server.js";

export { DEFAULT_LIMITS } from "./server-options.js";

export interface InferenceServer {
  /** The address that clients can use, with the real port. */
  readonly address: string;
  /** Such as `http://127.0.0.1:8000`. */
  readonly httpAddress: string | undefined;
  /** Resolves when the models are loaded, with the errors of those that could not be. As `LiveRepository.start`. */
  readonly loaded: Promise<ReadonlyMap<string, unknown>>;
  /** Calls in progress. */
  inProgress(): number;
  /**
   * Health turns NOT_SERVING and every connection gets GOAWAY. After the lame-duck time no connection is accepted any
   * more, calls in progress end within the grace, and the port closes. Returns how many calls were cut off.
   */
  drain(): Promise<{ cutOff: number }>;
}

/** A client that vanished is noticed after 80 seconds. */
const KEEPALIVE = { "grpc.keepalive_time_ms": 60_000, "grpc.keepalive_timeout_ms": 20_000 };

const SERVICE_NAME = "inference.GRPCInferenceService";
const ADMIN = ["RepositoryModelLoad", "RepositoryModelUnload"];
const OPEN = ["ServerLive", "ServerReady"];

function scopeOf(method: string): Scope {
  if (ADMIN.includes(method)) return "admin";
  return OPEN.includes(method) ? "open" : "infer";
}

/** A call that watches health has no end, and is notified of the stop. */
const isEndless = (path: string): boolean => path.endsWith("/Watch") || path.includes(".ServerReflection/");

/** The models, as a repository that may be loaded, and what frees them. */
interface Models {
  repository: ModelRepository;
  live: LiveRepository | null;
  close(): Promise<void>;
}

function modelsOf({ models, limits }: InferenceServerOptions): Models {
  if ("start" in models) return { repository: models, live: models, close: () => models.close() };
  const engines = models.map((model) =>
    createEngine(model, { version: "1", limits: { ...DEFAULT_LIMITS, ...limits } }),
  );
  const close = async () => void (await Promise.all(engines.map((engine) => engine.close())));
  return { repository: fixedRepository(engines), live: null, close };
}

/** Health names every model from now on. Returns what ends that. */
function showModels(health: Health, repository: ModelRepository): () => void {
  const show = () =>
    health.setModels(new Map(repository.index().map(({ name }) => [name, repository.isReady(name, "")])));
  show();
  return repository.onChange(show);
}

function createGrpcServer(options: InferenceServerOptions, calls: OpenCalls): Server {
  const { maxMessageBytes } = { ...DEFAULT_LIMITS, ...options.limits };
  const { idleTimeoutMs, maxConcurrentStreams } = { ...DEFAULT_CONNECTIONS, ...options.connections };
  const interceptors = [typedRefusals, calls.interceptor];
  if (options.overload === "unavailable") interceptors.push(overloadAsUnavailable);
  return new Server({
    ...KEEPALIVE,
    interceptors,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_connection_idle_ms": idleTimeoutMs,
    "grpc.max_concurrent_streams": maxConcurrentStreams,
  });
}

/** The services of both protocols. gRPC's own reflection is not for browsers. */
function servicesFor(
  protocol: "grpc" | "grpc-web",
  service: ServiceOptions,
  health: Health,
  security: OpenedSecurity,
): GrpcWebService[] {
  const handlers = createInferenceHandlers({ ...service, protocol });
  const guarded = security.guard(INFERENCE_SERVICE, handlers, "inference", scopeOf);
  return [
    { definition: INFERENCE_SERVICE, handlers: guarded },
    { definition: HEALTH_SERVICE, handlers: health.handlers },
  ];
}

function addReflection(server: Server, security: OpenedSecurity): void {
  const reflection = createReflection([SERVICE_NAME, "grpc.health.v1.Health"]);
  for (const definition of REFLECTION_SERVICES)
    server.addService(definition, security.guard(definition, reflection, "inference"));
}

async function startHttp(
  options: InferenceServerOptions,
  service: ServiceOptions,
  health: Health,
  security: OpenedSecurity,
): Promise<HttpServer | undefined> {
  const { http, metrics, say = () => {} } = options;
  if (!http) return undefined;
  const { maxConnections } = { ...DEFAULT_CONNECTIONS, ...options.connections };
  const { maxMessageBytes } = { ...DEFAULT_LIMITS, ...options.limits };
  return createHttpServer({
    ...service,
    ...http,
    maxMessageBytes,
    services: servicesFor("grpc-web", service, health, security),
    access: security.access,
    tls: security.https,
    metrics,
    limits: { maxConnections },
    failed: (error, requestId) => say(`request ${requestId}: ${String(error)}`, "warn"),
  });
}

/** Loads the models; `serve` is called when each has been tried. */
function load({ live }: Models, serve: () => void): InferenceServer["loaded"] {
  const loaded = (live?.start() ?? Promise.resolve(new Map<string, unknown>())).then((failures) => {
    serve();
    return failures;
  });
  // The caller may wait for it later, or not at all.
  loaded.catch(() => {});
  return loaded;
}

/**
 * Resolves when the ports are bound: until the models are loaded, health is NOT_SERVING and requests are refused. With
 * `bindWhenLoaded` that is when the models are loaded, and what `LiveRepository.start` throws is thrown here.
 */
export async function startInferenceServer(options: InferenceServerOptions): Promise<InferenceServer> {
  const { version, statistics, say = () => {} } = options;
  const security = openSecurity(
    options.security ?? {},
    [options.listen, ...(options.http ? [options.http.listen] : [])],
    (text) => say(text, "warn"),
  );
  const models = modelsOf(options);
  const health = createHealth([SERVICE_NAME]);
  const calls = countOpenCalls(isEndless);
  const stopping = new AbortController();
  const service: ServiceOptions = {
    repository: models.repository,
    version,
    isReady: () => health.isServing(),
    statistics,
    calls: options.calls && statistics ? statistics.countOutputs(options.calls) : options.calls,
    stopping: stopping.signal,
  };
  const server = createGrpcServer(options, calls);
  for (const { definition, handlers } of servicesFor("grpc", service, health, security))
    server.addService(definition, handlers);
  addReflection(server, security);

  const { maxConnections } = { ...DEFAULT_CONNECTIONS, ...options.connections };
  let socket: GrpcSocket | undefined;
  let http: HttpServer | undefined;
  let draining = false;
  const startLoading = () => load(models, () => health.setServing(!draining));
  const early = options.bindWhenLoaded ? startLoading() : undefined;
  try {
    await early;
    const connections = { maxConnections, activityOf: calls.activityOf };
    socket = await listenGrpc(server, options.listen, security.credentials, connections);
    http = await startHttp(options, service, health, security);
  } catch (error) {
    socket?.stopAccepting();
    server.forceShutdown();
    security.close();
    throw error;
  }
  const stopShowing = showModels(health, models.repository);
  const { lameDuckMs = 0, graceMs = DEFAULT_GRACE_MS } = options;
  const running: RunningServer = {
    server,
    socket,
    http,
    calls,
    health,
    endStreams: () => stopping.abort(),
    closeModels: models.close,
  };
  return {
    address: socket.address,
    httpAddress: http?.address,
    loaded: early ?? startLoading(),
    inProgress: calls.count,
    drain: async () => {
      draining = true;
      models.live?.settle();
      const cutOff = await stopServer(running, { lameDuckMs, graceMs });
      stopShowing();
      security.close();
      return { cutOff };
    },
  };
}
