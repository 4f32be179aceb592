// Beyond saturation: how fast health checks are answered while all cores compute and huge pictures are decoded, and what
// is left of the rate when three times as many requests come as the server can answer.

import { setTimeout as delay } from "node:timers/promises";
import { memoryOf, resetPeak } from "./process-figures.js";
import { startSending, type Traffic } from "./traffic.js";

export interface HealthFigures {
  /** Milliseconds from when a check was due. */
  p50: number;
  p99: number;
  max: number;
  checks: number;
  /** Pictures of 64 megapixels that were answered meanwhile. */
  huge: number;
  /** How late the event loop of this process was at most: what is not the server's fault. */
  lagMs: number;
}

const CHECKS_PER_SECOND = 50;

export async function healthFigures(traffic: Traffic, seconds: number): Promise<HealthFigures> {
  const crowd = startSending(traffic.tensors, { kind: "closed", concurrency: 64 });
  const jpegs = startSending(traffic.jpegs, { kind: "closed", concurrency: 4 });
  const huge = startSending(traffic.huge, { kind: "closed", concurrency: 1 });
  const checks = startSending(traffic.health, { kind: "open", rate: CHECKS_PER_SECOND });
  await delay(1000);
  let lagMs = 0;
  let last = performance.now();
  const clock = setInterval(() => {
    const now = performance.now();
    lagMs = Math.max(lagMs, now - last - 10);
    last = now;
  }, 10);
  const [window, pictures] = await Promise.all([checks.measure(seconds), huge.measure(seconds)]);
  clearInterval(clock);
  await Promise.all([crowd, jpegs, huge, checks].map((sending) => sending.stop()));
  const { p50, p99, max } = window.latencies() ?? { p50: Number.NaN, p99: Number.NaN, max: Number.NaN };
  return { p50, p99, max, checks: window.answered, huge: pictures.answered, lagMs };
}

export interface OverloadFigures {
  answeredPerSecond: number;
  /** Code → requests. */
  errors: Record<string, number>;
  /** The longest from when a request was due until it was answered or refused. */
  latestMs: number;
  /** Megabytes of the server. */
  memory: { before: number; peak: number };
}

export interface Overload {
  traffic: Traffic;
  /** Of the server. */
  pid: number;
  /** Requests per second. */
  rate: number;
  deadlineMs: number;
  seconds: number;
}

export async function overloadFigures({
  traffic,
  pid,
  rate,
  deadlineMs,
  seconds,
}: Overload): Promise<OverloadFigures> {
  resetPeak(pid);
  const before = memoryOf(pid).now;
  const sending = startSending(traffic.tensors, { kind: "open", rate }, deadlineMs);
  await delay(1000);
  const window = await sending.measure(seconds);
  await sending.stop();
  return {
    answeredPerSecond: window.rate,
    errors: window.errors(),
    latestMs: Math.max(window.latencies()?.max ?? 0, window.failureLatencies()?.max ?? 0),
    memory: { before, peak: memoryOf(pid).peak },
  };
}
