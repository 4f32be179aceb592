// Report: a level of load as one row of a table of at most 80 columns, and as an object for --json.

import { counted } from "../../runtime/batches/class-counts.js";
import { escapeControls } from "../../runtime/errors.js";
import { wrap } from "../../trainer/lines.js";
import { AGREEING, type Measurement } from "./measure.js";
import type { ServerCounts } from "./target.js";
import type { Latencies } from "./window.js";

export interface Level {
  concurrency?: number;
  /** Requests per second that were due. */
  rate?: number;
  seconds: number;
  stable: boolean;
  windows: number;
  answered: number;
  requestsPerSecond: number;
  imagesPerSecond: number;
  /** Of answered requests. */
  latencyMs: Latencies | null;
  failed: number;
  errors: Record<string, number>;
  /** Of requests that ended with an error. */
  failureMs: Latencies | null;
  /** Fraction of a core that the load generator used. */
  clientCpu: number;
  longestLagMs: number;
  /** Mean milliseconds of a request, and images of a batch, as the server counts them. */
  server: {
    queueMs: number;
    inputMs: number;
    computeMs: number;
    outputMs: number;
    batchImages: number;
  } | null;
}

function serverOf(counts: ServerCounts | undefined): Level["server"] {
  if (!counts || counts.requests === 0) return null;
  const { requests, images, batches, seconds } = counts;
  const mean = (total: number): number => (1000 * total) / requests;
  return {
    queueMs: mean(seconds.queue),
    inputMs: mean(seconds.input),
    computeMs: mean(seconds.compute),
    outputMs: mean(seconds.output),
    batchImages: images / Math.max(1, batches),
  };
}

/** `batch`: images of a request. */
export function levelOf(measurement: Measurement, batch: number): Level {
  const { load, window, stable, windows, clientCpu, longestLagMs, server } = measurement;
  return {
    ...(load.kind === "closed" ? { concurrency: load.concurrency } : { rate: load.rate }),
    seconds: window.seconds,
    stable,
    windows,
    answered: window.answered,
    requestsPerSecond: window.rate,
    imagesPerSecond: window.rate * batch,
    latencyMs: window.latencies() ?? null,
    failed: window.failed,
    errors: window.errors(),
    failureMs: window.failureLatencies() ?? null,
    clientCpu,
    longestLagMs,
    server: serverOf(server),
  };
}

const COLUMNS = "images/s   p50 ms   p90 ms   p95 ms   p99 ms   failed  client";

export function tableHead(kind: "concurrency" | "rate"): string {
  return `${kind === "rate" ? "requests/s" : "in flight"}`.padStart(10) + COLUMNS.padStart(68);
}

const digits = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));

/** The row, and below it what else there is to say of the level. */
export function tableLines(level: Level): string[] {
  const { latencyMs: latency, concurrency, rate, server } = level;
  const times = ([50, 90, 95, 99] as const).map((p) =>
    (latency ? digits(latency[`p${p}`]) : "-").padStart(9),
  );
  const load = digits(rate ?? concurrency ?? 0).replace(concurrency === undefined ? "" : /\.0$/, "");
  const row =
    `${load}${level.stable ? " " : "~"}`.padStart(11) +
    digits(level.imagesPerSecond).padStart(14) +
    times.join("") +
    String(level.failed).padStart(9) +
    `${Math.round(100 * level.clientCpu)}%`.padStart(8);
  const errors = Object.entries(level.errors).map(([code, count]) => `${escapeControls(code)} ${count}`);
  const split =
    server &&
    `server: queue ${digits(server.queueMs)}, input ${digits(server.inputMs)}, compute ${digits(server.computeMs)}, ` +
      `output ${digits(server.outputMs)} ms; ${digits(server.batchImages)} images a batch`;
  const notes = [split, errors.length > 0 && `errors: ${errors.join(", ")}`].filter(
    (note) => !!note,
  ) as string[];
  return [row, ...notes.flatMap((note) => wrap("   ", note.split(" ")))];
}

/** What the marks and columns of the rows mean, where they need it. */
export function legend(levels: readonly Level[]): string[] {
  const lines = [];
  if (levels.some(({ stable }) => !stable))
    lines.push(`~ no ${counted(AGREEING, "window", "windows")} in a row agreed: the last ones are shown`);
  const lag = Math.max(...levels.map(({ longestLagMs }) => longestLagMs));
  if (lag > 20) lines.push(`requests were sent up to ${digits(lag)} ms after they were due`);
  if (levels.some(({ clientCpu }) => clientCpu > 0.8))
    lines.push("the load generator used most of a core: it may be the limit (client column)");
  return lines;
}
