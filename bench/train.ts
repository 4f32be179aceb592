// Bench of a training step: forward, loss, gradients, AdamW and average on the wasm executor, one thread.

import { createWasmExecutor } from "../runtime/executors/wasm/executor.js";
import { nodeHost } from "../runtime/host/node.js";
import type { DeitConfig } from "../runtime/models/config.js";
import { createTraining, type DeitTraining } from "../runtime/training-program.js";
import { benchConfigs, benchPixels, benchWeights, forwardMultiplyAdds } from "./model-weights.js";
import { timeAsync } from "./timing.js";

interface Row {
  model: string;
  build: string;
  batch: number;
  millisecondsPerStep: number;
  imagesPerSecond: number;
  /** Counting two products back for each one forward. */
  gigaflops: number;
  megabytes: number;
}

const BATCHES: Record<string, number> = { "DeiT-Tiny at 224": 8, "shapes model at 64": 32 };

/** One optimiser step on the same batch again and again. */
function stepper(training: DeitTraining, config: DeitConfig, batch: number): () => Promise<unknown> {
  const inputs = {
    pixels: benchPixels(config, batch),
    targets: new Float32Array(batch * config.classes).fill(1 / config.classes),
    sampleWeights: new Float32Array(batch).fill(1 / batch),
    branchScales: new Float32Array(config.depth * 2 * batch).fill(1),
  };
  const adamw = { learningRate: 1e-4, weightDecay: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  let step = 0;
  return async () => {
    await training.accumulate(inputs);
    step += 1;
    await training.apply({ ...adamw, step, clipNorm: 0, emaDecay: 0.99996 });
  };
}

export async function main(options: readonly string[]): Promise<void> {
  const host = nodeHost();
  const rows: Row[] = [];
  console.log(`training step on one thread, best of several, ${process.version}`);
  console.log("model               build    batch   ms a step  images/s  GFLOP/s  memory MB");
  for (const relaxed of host.enableRelaxedSimd() ? [false, true] : [false]) {
    for (const [model, config] of Object.entries(benchConfigs())) {
      const batch = BATCHES[model] as number;
      const executor = await createWasmExecutor(host, { relaxed });
      const common = { distillation: "none", alpha: 0.5, tau: 1, dropPath: 0.1, ema: true } as const;
      const weights = benchWeights(config);
      const training = await createTraining(executor, { config, weights, batchSize: batch, ...common });
      const { bestMs } = await timeAsync(stepper(training, config, batch), 4000);
      const row = {
        model,
        build: relaxed ? "relaxed" : "plain",
        batch,
        millisecondsPerStep: bestMs,
        imagesPerSecond: (1000 * batch) / bestMs,
        gigaflops: (6 * batch * forwardMultiplyAdds(config)) / bestMs / 1e6,
        megabytes: training.bytes / 1e6,
      };
      const figures = [bestMs.toFixed(1), row.imagesPerSecond.toFixed(1), row.gigaflops.toFixed(1)];
      const text = figures.map((figure) => figure.padStart(9)).join(" ");
      console.log(
        `${model.padEnd(19)} ${row.build.padEnd(8)} ${String(batch).padStart(5)}   ${text}  ${row.megabytes.toFixed(0)}`,
      );
      rows.push(row);
      training.dispose();
      await executor.dispose();
    }
  }
  if (options.includes("--json")) console.log(JSON.stringify({ node: process.version, rows }));
}
