// Window: how the requests of a span of time ended, with every latency, so that percentiles are exact.

import { OK, type Outcome } from "./target.js";

export interface Latencies {
  mean: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  max: number;
}

export class Window {
  /** Of answered requests, in milliseconds. */
  readonly #latencies: number[] = [];
  /** Of those that ended with an error. */
  readonly #failed: number[] = [];
  readonly #errors = new Map<Outcome, number>();
  #seconds = 0;

  /** Windows one after another, as one. */
  static joined(windows: readonly Window[]): Window {
    const all = new Window();
    for (const window of windows) {
      for (const latency of window.#latencies) all.#latencies.push(latency);
      for (const latency of window.#failed) all.#failed.push(latency);
      for (const [code, count] of window.#errors) all.#errors.set(code, (all.#errors.get(code) ?? 0) + count);
      all.#seconds += window.#seconds;
    }
    return all;
  }

  record(outcome: Outcome, latencyMs: number): void {
    if (outcome === OK) {
      this.#latencies.push(latencyMs);
      return;
    }
    this.#failed.push(latencyMs);
    this.#errors.set(outcome, (this.#errors.get(outcome) ?? 0) + 1);
  }

  /** Its span is over. */
  close(seconds: number): void {
    this.#seconds = seconds;
  }

  get seconds(): number {
    return this.#seconds;
  }

  get answered(): number {
    return this.#latencies.length;
  }

  get failed(): number {
    return this.#failed.length;
  }

  /** Answered requests per second. */
  get rate(): number {
    return this.#latencies.length / this.#seconds;
  }

  /** Code → requests that ended with it, the most frequent first. */
  errors(): Record<Outcome, number> {
    return Object.fromEntries([...this.#errors].sort(([, a], [, b]) => b - a));
  }

  /** Of the answered requests; undefined without any. */
  latencies(): Latencies | undefined {
    return latenciesOf(this.#latencies);
  }

  /** Of those that ended with an error. */
  failureLatencies(): Latencies | undefined {
    return latenciesOf(this.#failed);
  }
}

function latenciesOf(values: readonly number[]): Latencies | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  // The smallest value that at least this fraction of all values does not exceed.
  const quantile = (fraction: number): number => sorted[Math.ceil(fraction * sorted.length) - 1]!;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return {
    mean,
    p50: quantile(0.5),
    p90: quantile(0.9),
    p95: quantile(0.95),
    p99: quantile(0.99),
    max: quantile(1),
  };
}
