// Prometheus: numbers that a server keeps anyway, as the counters and gauges of a registry that reads them when it is
// scraped.

import type { Registry } from "prom-client";

type Labels = Record<string, string>;

/** Values with their labels, as of now. */
type Values = readonly (readonly [number, Labels?])[];

export interface ReadableMetric {
  kind: "counter" | "gauge";
  name: string;
  help: string;
  labels?: string[];
  read: () => Values | Promise<Values>;
}

/** A registry with the process's own metrics: CPU time, memory, event loop delay, garbage collection. */
export async function createRegistry(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Names get `prefix`. A counter that reads no value has no series. */
export async function registerMetrics(
  registry: Registry,
  prefix: string,
  metrics: readonly ReadableMetric[],
): Promise<void> {
  const { Counter, Gauge } = await import("prom-client");
  for (const { kind, name, help, labels = [], read } of metrics) {
    const options = { name: `${prefix}${name}`, help, labelNames: labels, registers: [registry] };
    if (kind === "gauge")
      new Gauge({
        ...options,
        async collect() {
          const values = await read();
          this.reset();
          for (const [value, given = {}] of values) this.set(given, value);
        },
      });
    else
      new Counter({
        ...options,
        async collect() {
          const values = await read();
          this.reset();
          for (const [value, given = {}] of values) this.inc(given, value);
        },
      });
  }
}
