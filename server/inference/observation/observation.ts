// Observation: metrics, log and traces of an inference server together, as its engines and protocols notify them.

import type { Logger } from "pino";
import type { BatchRecord, CallObserver, InferenceObserver, RequestRecord } from "../contract.js";
import { observeCalls } from "./calls.js";
import { createInferenceMetrics, type MetricsSource } from "./metrics.js";
import { createRequestLog, type RequestLogOptions } from "./request-log.js";
import { openTracing } from "./traces.js";

export interface ObservationOptions extends MetricsSource, Pick<RequestLogOptions, "accessLog"> {
  log: Logger;
  /** Version of Vitrine. */
  version: string;
  /** Others that want to be notified of what the engines do, such as ModelStatistics. */
  observers?: readonly InferenceObserver[];
}

export interface Observation {
  /** For the engines. */
  readonly observer: InferenceObserver;
  /** For the protocols. */
  readonly calls: CallObserver;
  /** The answer to GET /metrics. */
  scrape(): Promise<{ contentType: string; body: string }>;
  /** Writes what the log has counted. */
  close(): void;
}

export async function openObservation(options: ObservationOptions): Promise<Observation> {
  const { log, version, accessLog, observers = [], ...source } = options;
  const metrics = await createInferenceMetrics(source);
  const requestLog = createRequestLog({ log, ...(accessLog !== undefined && { accessLog }) });
  const trace = await openTracing(version);
  const all = [metrics.observer, ...observers];
  return {
    observer: {
      requestEnded(record: RequestRecord) {
        for (const observer of all) observer.requestEnded(record);
      },
      batchEnded(record: BatchRecord) {
        for (const observer of all) observer.batchEnded(record);
      },
    },
    calls: observeCalls({
      ended: [(record) => metrics.callEnded(record), (record) => requestLog.callEnded(record)],
      trace,
    }),
    scrape: () => metrics.scrape(),
    close: () => requestLog.close(),
  };
}
