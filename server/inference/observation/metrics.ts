// Metrics: the inference server's numbers in Prometheus's format, with Triton's split of a request's time into queue,
// decode, compute and output. Labels are names of this server's models and codes of errors: no client adds a series.

import { ERROR_CODES, isVitrineError } from "../../../runtime/errors.js";
import { createRegistry, type ReadableMetric, registerMetrics } from "../../prometheus.js";
import type {
  BatchRecord,
  DecodeLoad,
  EngineLoad,
  InferenceObserver,
  ModelRepository,
  RequestRecord,
} from "../contract.js";
import type { CallRecord } from "./calls.js";

export interface MetricsSource {
  repository: Pick<ModelRepository, "index" | "find">;
  /** Of the threads that decode for all models. Default: none. */
  decode?(): DecodeLoad;
}

export interface InferenceMetrics {
  /** For the engines. */
  readonly observer: InferenceObserver;
  /** For the protocols. */
  callEnded(record: CallRecord): void;
  /** The answer to a scrape. */
  scrape(): Promise<{ contentType: string; body: string }>;
}

const PREFIX = "vitrine_inference_";

/** The code of requests that were answered. */
const ANSWERED = "ok";

/** From a tensor on a GPU to the longest wait that anyone has. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** --max-batch is at most 256. */
const BATCH_IMAGES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** A label's value: errors of other packages have codes of their own. */
const knownCode = (code: string | null): string =>
  code === null ? ANSWERED : Object.hasOwn(ERROR_CODES, code) ? code : "internal/unexpected";

interface ModelLabels {
  model: string;
  version: string;
}

const labelsOf = ({ model, version }: ModelLabels): ModelLabels => ({ model, version });

/** What the models that are ready hold, read at a scrape. */
function loadMetrics({ repository, decode }: MetricsSource): ReadableMetric[] {
  const perModel = (value: (load: EngineLoad) => number) => () =>
    repository
      .index()
      .filter(({ state }) => state === "ready")
      .flatMap(({ name: model, version }) => {
        const load = loadOf(repository, model, version);
        return load ? [[value(load), { model, version }] as const] : [];
      });
  const labels = ["model", "version"];
  const threads = (): (readonly [number, { state: string }])[] => {
    const load = decode?.();
    return load
      ? [
          [load.threads, { state: "all" }],
          [load.busy, { state: "busy" }],
        ]
      : [];
  };
  return [
    {
      kind: "gauge",
      name: "pending_images",
      help: "Images that wait for a decode thread or for a batch, or are being decoded",
      labels,
      read: perModel(({ pendingImages }) => pendingImages),
    },
    {
      kind: "gauge",
      name: "queue_bytes",
      help: "Bytes of the requests that wait",
      labels,
      read: perModel(({ queueBytes }) => queueBytes),
    },
    {
      kind: "gauge",
      name: "model_memory_bytes",
      help: "Memory of the model on its device: weights and buffers",
      labels,
      read: perModel(({ modelBytes }) => modelBytes),
    },
    {
      kind: "gauge",
      name: "models",
      help: "Versions of models by their state",
      labels: ["state"],
      read: () => {
        const states = { loading: 0, ready: 0, unloading: 0, unavailable: 0 };
        for (const { state } of repository.index()) states[state]++;
        return Object.entries(states).map(([state, count]) => [count, { state }]);
      },
    },
    {
      kind: "gauge",
      name: "decode_threads",
      help: "Decode threads, and those that have work",
      labels: ["state"],
      read: threads,
    },
  ];
}

/** Undefined for a version that has gone since the index was read. */
function loadOf(
  repository: MetricsSource["repository"],
  name: string,
  version: string,
): EngineLoad | undefined {
  try {
    return repository.find(name, version).load();
  } catch (error) {
    if (isVitrineError(error)) return undefined;
    throw error;
  }
}

export async function createInferenceMetrics(source: MetricsSource): Promise<InferenceMetrics> {
  const { Counter, Histogram } = await import("prom-client");
  const registry = await createRegistry();
  await registerMetrics(registry, PREFIX, loadMetrics(source));
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `${PREFIX}${name}`, help, labelNames: ["model", "version"], buckets, registers });
  const seconds = (what: string, help: string) => histogram(`${what}_seconds`, help, SECONDS);

  const calls = counter(
    "calls_total",
    `Calls by protocol and code of their error ("${ANSWERED}": answered)`,
    ["protocol", "code"],
  );
  const requests = counter("requests_total", "Requests that reached a model, by code of their error", [
    "model",
    "version",
    "code",
  ]);
  const images = counter("images_total", "Images of requests that were answered", ["model", "version"]);
  const batches = counter("batches_total", "Batches that ran", ["model", "version"]);
  const split = {
    total: seconds("request", "Seconds from a request's arrival at the model to its answer"),
    queue: seconds("queue", "Seconds that answered requests waited for a decode thread and for a batch"),
    decode: seconds("decode", "Seconds in which the pictures of answered requests were decoded"),
    compute: seconds(
      "compute",
      "Seconds from the start of an answered request's first batch to its last's end",
    ),
  };
  const output = seconds("output", "Seconds from the model's answer to its encoded form");
  const batchSeconds = seconds("batch", "Seconds of a batch on the device");
  const batchImages = histogram("batch_images", "Images of a batch", BATCH_IMAGES);

  const observer: InferenceObserver = {
    requestEnded(record: RequestRecord) {
      const labels = labelsOf(record);
      requests.inc({ ...labels, code: knownCode(record.code) });
      // A refusal takes no time: it would make a server look fast that refuses most.
      if (record.code !== null) return;
      images.inc(labels, record.images);
      split.total.observe(labels, record.seconds.total);
      split.queue.observe(labels, record.seconds.queue);
      split.compute.observe(labels, record.seconds.compute);
      if (record.seconds.decode > 0) split.decode.observe(labels, record.seconds.decode);
    },
    batchEnded(record: BatchRecord) {
      const labels = labelsOf(record);
      batches.inc(labels);
      batchImages.observe(labels, record.images);
      batchSeconds.observe(labels, record.seconds);
    },
  };
  return {
    observer,
    callEnded(record) {
      calls.inc({ protocol: record.protocol, code: knownCode(record.code) });
      if (record.code === null && record.outputSeconds !== undefined)
        output.observe(labelsOf(record), record.outputSeconds);
    },
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
