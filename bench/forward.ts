// Bench of the forward pass: images/s of whole models on the wasm executor, one thread, at several batch sizes.

import { createWasmExecutor } from "../runtime/executors/wasm/executor.js";
import { nodeHost } from "../runtime/host/node.js";
import { createInference } from "../runtime/inference-program.js";
import { benchConfigs, benchPixels, benchWeights, forwardMultiplyAdds } from "./model-weights.js";
import { timeAsync } from "./timing.js";

interface Row {
  model: string;
  build: string;
  batch: number;
  millisecondsPerImage: number;
  imagesPerSecond: number;
  gigaflops: number;
}

const BATCHES = [1, 8];

export async function main(options: readonly string[]): Promise<void> {
  const host = nodeHost();
  const rows: Row[] = [];
  console.log(`forward pass on one thread, best of several, ${process.version}`);
  console.log("model               build    batch  ms an image  images/s  GFLOP/s");
  for (const relaxed of host.enableRelaxedSimd() ? [false, true] : [false]) {
    for (const [model, config] of Object.entries(benchConfigs())) {
      const executor = await createWasmExecutor(host, { relaxed });
      const inference = await createInference(executor, config, benchWeights(config), {
        batchSizes: BATCHES,
      });
      for (const batch of BATCHES) {
        const pixels = benchPixels(config, batch);
        const { bestMs } = await timeAsync(() => inference.logits(pixels, batch), 1500);
        const row = {
          model,
          build: relaxed ? "relaxed" : "plain",
          batch,
          millisecondsPerImage: bestMs / batch,
          imagesPerSecond: (1000 * batch) / bestMs,
          gigaflops: (2 * batch * forwardMultiplyAdds(config)) / bestMs / 1e6,
        };
        const figures = [row.millisecondsPerImage.toFixed(2), row.imagesPerSecond.toFixed(1)];
        const text = figures.map((figure) => figure.padStart(10)).join(" ");
        console.log(
          `${model.padEnd(19)} ${row.build.padEnd(8)} ${String(batch).padStart(5)}  ${text}  ${row.gigaflops.toFixed(1)}`,
        );
        rows.push(row);
      }
      inference.dispose();
      await executor.dispose();
    }
  }
  if (options.includes("--json")) console.log(JSON.stringify({ node: process.version, rows }));
}
