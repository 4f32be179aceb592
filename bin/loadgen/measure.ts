// Measure: one level of load, window by window, until three in a row agree, as perf_analyzer does.

import { setTimeout as delay } from "node:timers/promises";
import { type Load, startLoad } from "./load.js";
import type { PreparedRequest, ServerCounts, Target } from "./target.js";
import { Window } from "./window.js";

export interface MeasureOptions {
  target: Pick<Target, "send" | "counts">;
  requests: readonly PreparedRequest[];
  deadlineMs: number;
  seed: number;
  /** Load without measurement before the first window. */
  warmUpMs: number;
  windowMs: number;
  /** Windows in a row that must agree: each one's rate and mean latency within this fraction of theirs together. */
  stability: number;
  /** Windows at most. */
  maxWindows: number;
}

export interface Measurement {
  load: Load;
  /** The last three windows. */
  window: Window;
  windows: number;
  /** Whether they agree. */
  stable: boolean;
  /** Fraction of a core that this process used during the windows. */
  clientCpu: number;
  /** Of an open loop: the longest that a request was sent after it was due. */
  longestLagMs: number;
  /** What the server counted from the first window to the last. */
  server: ServerCounts | undefined;
}

/** Windows that must agree. */
export const AGREEING = 3;

/** Whether each value is within `stability` of their mean. */
function agree(values: readonly number[], stability: number): boolean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.every((value) => Math.abs(value - mean) <= stability * mean);
}

/** Whether the last windows agree. Those without an answer do not. */
export function areStable(windows: readonly Window[], stability: number): boolean {
  const last = windows.slice(-AGREEING);
  const means = last.map((window) => window.latencies()?.mean);
  if (last.length < AGREEING || means.includes(undefined)) return false;
  return (
    agree(
      last.map(({ rate }) => rate),
      stability,
    ) && agree(means as number[], stability)
  );
}

function difference(before: ServerCounts, after: ServerCounts): ServerCounts {
  const { queue, input, compute, output } = after.seconds;
  return {
    requests: after.requests - before.requests,
    batches: after.batches - before.batches,
    images: after.images - before.images,
    seconds: {
      queue: queue - before.seconds.queue,
      input: input - before.seconds.input,
      compute: compute - before.seconds.compute,
      output: output - before.seconds.output,
    },
  };
}

export async function measureLoad(load: Load, options: MeasureOptions): Promise<Measurement> {
  const { target, requests, deadlineMs, seed, warmUpMs, windowMs, stability, maxWindows } = options;
  let next = 0;
  let current: Window | undefined;
  const running = startLoad(load, {
    send: () => target.send(requests[next++ % requests.length]!, deadlineMs),
    ended: (outcome, latencyMs) => current?.record(outcome, latencyMs),
    seed,
  });
  const windows: Window[] = [];
  await delay(warmUpMs);
  const before = await target.counts();
  const cpu = process.cpuUsage();
  const start = performance.now();
  let windowStart = start;
  while (windows.length < maxWindows && !areStable(windows, stability)) {
    current = new Window();
    await delay(windowMs);
    // A window in which no request ended would say nothing of a slow server.
    const latest = performance.now() + deadlineMs;
    while (current.answered + current.failed === 0 && performance.now() < latest) await delay(windowMs);
    const now = performance.now();
    current.close((now - windowStart) / 1000);
    windowStart = now;
    windows.push(current);
  }
  current = undefined;
  const { user, system } = process.cpuUsage(cpu);
  const clientCpu = (user + system) / 1000 / (windowStart - start);
  const after = await target.counts();
  await running.stop();
  return {
    load,
    window: Window.joined(windows.slice(-AGREEING)),
    windows: windows.length,
    stable: areStable(windows, stability),
    clientCpu,
    longestLagMs: running.longestLagMs(),
    server: before && after && difference(before, after),
  };
}
