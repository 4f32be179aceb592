// Metrics: a data server's numbers in Prometheus's format, and its health, over HTTP. Labels have few values, all of them
// known beforehand or of errors' codes: no client adds a series.

import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";
import type { ErrorCode } from "../../runtime/errors.js";
import { listenHttp } from "../listen.js";
import { createRegistry, type ReadableMetric, registerMetrics } from "../prometheus.js";
import type { RemoteCounts } from "./remote/contract.js";
import type { MeasuredService } from "./service-totals.js";

export interface MetricsSource {
  service: MeasuredService;
  /** Of the cache of a remote data set; undefined without one, or before it is open. */
  remote(): Promise<RemoteCounts | undefined>;
  /** What /healthz says: serving, or what keeps it from that. */
  health(): { serving: boolean; text: string };
}

export interface MetricsServer {
  /** http://HOST:PORT */
  address: string;
  close(): Promise<void>;
}

const perCode = (counts: ReadonlyMap<ErrorCode, number>, labels: Record<string, string> = {}) =>
  [...counts].map(([code, count]) => [count, { ...labels, code }] as const);

function metricsOf(service: MeasuredService): ReadableMetric[] {
  const { totals } = service;
  const stages = (): (readonly [number, { stage: string }])[] => {
    const { read, decode, mix } = service.load().stages;
    const { waits, encoding } = totals;
    const all = {
      read,
      decode,
      mix,
      encode: encoding.seconds,
      send_wait: waits.send,
      credit_wait: waits.credit,
    };
    const seconds = { ...all, batch_wait: waits.batch };
    return Object.entries(seconds).map(([stage, value]) => [value, { stage }]);
  };
  return [
    {
      kind: "counter",
      name: "stage_seconds_total",
      help: "Seconds per stage: read, decode (with augmentation) and mix of decode threads, encode of the serving thread; waits of all streams for credit, for a batch and for the network",
      labels: ["stage"],
      read: stages,
    },
    {
      kind: "counter",
      name: "batches_sent_total",
      help: "Batches that were sent",
      read: () => [[totals.batches]],
    },
    {
      kind: "counter",
      name: "images_sent_total",
      help: "Images of the batches that were sent",
      read: () => [[totals.images]],
    },
    {
      kind: "counter",
      name: "sent_bytes_total",
      help: "Bytes of pixels that were sent",
      read: () => [[totals.bytes]],
    },
    {
      kind: "counter",
      name: "batches_total",
      help: "Batches by how a stream got them: made for it, or shared with another stream",
      labels: ["source"],
      read: () => Object.entries(service.batches()).map(([source, count]) => [count, { source }]),
    },
    {
      kind: "counter",
      name: "bad_samples_total",
      help: "Files that were skipped, or kept in part, by code",
      labels: ["outcome", "code"],
      read: () => [
        ...perCode(totals.skipped, { outcome: "skipped" }),
        ...perCode(totals.kept, { outcome: "kept" }),
      ],
    },
    {
      kind: "counter",
      name: "stream_failures_total",
      help: "Streams that ended with an error, by code",
      labels: ["code"],
      read: () => perCode(totals.failures),
    },
    { kind: "gauge", name: "streams", help: "Open streams", read: () => [[service.streams()]] },
    {
      kind: "gauge",
      name: "streams_without_progress",
      help: "Streams that have credit and have sent nothing for ten seconds",
      read: () => [[service.streamsWithoutProgress()]],
    },
    {
      kind: "gauge",
      name: "memory_bytes",
      help: "Memory of batches: reserved by streams, kept for others, and the limit of both together",
      labels: ["use"],
      read: () => [
        [service.bytesReserved(), { use: "reserved" }],
        [service.bytesKept(), { use: "kept" }],
        [service.memoryBytes, { use: "limit" }],
      ],
    },
    {
      kind: "gauge",
      name: "credit_used_bytes",
      help: "Batches that are being made, held, sent, or not yet consumed by their clients",
      read: () => [[service.bytesOutstanding()]],
    },
    {
      kind: "gauge",
      name: "decode_workers",
      help: "Decode threads, and those that have work",
      labels: ["state"],
      read: () => {
        const { workers, busy } = service.load();
        return [
          [workers, { state: "all" }],
          [busy, { state: "busy" }],
        ];
      },
    },
    {
      kind: "gauge",
      name: "decode_queue_tasks",
      help: "Decode tasks of up to two images that wait for a thread",
      read: () => [[service.load().queued]],
    },
  ];
}

const CACHE_METRICS = {
  hits: "Reads of remote samples that the cache answered",
  misses: "Reads of remote samples that it did not",
  requests: "Requests to object stores and web servers",
  bytes: "Bytes that they sent",
} as const;

function cacheMetrics(remote: MetricsSource["remote"]): ReadableMetric[] {
  const names = Object.keys(CACHE_METRICS) as (keyof typeof CACHE_METRICS)[];
  return names.map((name) => ({
    kind: "counter",
    name: `remote_${name}_total`,
    help: CACHE_METRICS[name],
    read: async () => [[(await remote())?.[name] ?? 0]],
  }));
}

async function dataRegistry({ service, remote }: MetricsSource): Promise<Registry> {
  const registry = await createRegistry();
  await registerMetrics(registry, "vitrine_data_", [...metricsOf(service), ...cacheMetrics(remote)]);
  return registry;
}

/** A scraper that sends its request a byte at a time does not stay. */
const REQUEST_MS = 10_000;

/** Throws as `listenHttp`, naming --metrics. */
export async function startMetrics(address: string, source: MetricsSource): Promise<MetricsServer> {
  const registry = await dataRegistry(source);
  const answers: Record<string, () => Promise<[status: number, type: string, body: string]>> = {
    "/metrics": async () => [200, registry.contentType, await registry.metrics()],
    "/healthz": async () => {
      const { serving, text } = source.health();
      return [serving ? 200 : 503, "text/plain; charset=utf-8", `${text}\n`];
    },
  };
  const server: Server = createServer((request, response) => {
    const path = request.url?.split("?")[0] ?? "";
    const found = request.method === "GET" || request.method === "HEAD" ? answers[path] : undefined;
    const answer =
      found ?? (async () => [404, "text/plain; charset=utf-8", "/metrics or /healthz\n"] as const);
    answer().then(
      ([status, type, body]) => {
        response.writeHead(status, { "content-type": type });
        response.end(request.method === "HEAD" ? undefined : body);
      },
      (error) => {
        response.writeHead(500, { "content-type": "text/plain; charset=utf-8" });
        response.end(`${String(error)}\n`);
      },
    );
  });
  server.requestTimeout = REQUEST_MS;
  server.maxConnections = 64;
  const listening = await listenHttp(server, address, "--metrics");
  return {
    address: listening,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
