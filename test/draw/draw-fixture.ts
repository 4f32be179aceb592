// Draw fixture: the module's math, and the statistics of the reference samplers.

import { readFileSync } from "node:fs";
import type { DrawMath } from "../../runtime/draw/random.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";

export async function testMath(): Promise<DrawMath> {
  return (await createImageModule(nodeHost())).math;
}

/** Parsed JSON file of test/fixtures/micro; this file runs from dist/test/draw. */
export function reference<T>(file: string): T {
  return JSON.parse(
    readFileSync(new URL(`../../../test/fixtures/micro/${file}`, import.meta.url), "utf8"),
  ) as T;
}

export interface Statistics {
  mean: number;
  std: number;
  q05: number;
  q25: number;
  q50: number;
  q75: number;
  q95: number;
}

/**
 * Throws unless the values have the reference's mean, deviation and quantiles. `tolerance` is in units of the
 * reference's deviation: both sides are samples, so chance alone accounts for a few times 1/√n.
 */
export function assertDistribution(
  name: string,
  values: number[],
  expected: Statistics,
  tolerance: number,
): void {
  const sorted = [...values].sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const quantile = (fraction: number): number => sorted[Math.floor(fraction * (sorted.length - 1))] as number;
  const found: Statistics = {
    mean,
    std: Math.sqrt(variance),
    q05: quantile(0.05),
    q25: quantile(0.25),
    q50: quantile(0.5),
    q75: quantile(0.75),
    q95: quantile(0.95),
  };
  for (const key of Object.keys(found) as (keyof Statistics)[]) {
    const apart = Math.abs(found[key] - expected[key]) / expected.std;
    if (!(apart <= tolerance))
      throw new Error(
        `${name}: ${key} is ${found[key]}, the reference has ${expected[key]} (${apart} deviations apart)`,
      );
  }
}
