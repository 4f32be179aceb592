// Bench of GPU memory: what training steps and inferences on webgpu hold on the device and in this process. Every step
// includes a teacher's forward pass, whose logits stay on the device.
//
// The executor counts the device's bytes: buffers created and not destroyed. They must not change at all after the first
// step. Resident memory is compared between the second fifth of the calls and the last: engine and driver grow a little
// while they warm up.

import { Command } from "commander";
import { decimalNumber, wholeNumber } from "../bin/options.js";
import type { GpuMemory } from "../runtime/executors/webgpu/device.js";
import { createWebgpuExecutor, type WebgpuExecutor } from "../runtime/executors/webgpu/executor.js";
import { nodeHost } from "../runtime/host/node.js";
import { createInference } from "../runtime/inference/program.js";
import type { DeitConfig } from "../runtime/models/deit/config.js";
import { createTraining } from "../runtime/training/program.js";
import { benchPixels, benchWeights } from "./model-weights.js";
import { median } from "./statistics.js";

interface GpuMemoryOptions {
  adapter?: string;
  steps: number;
  inferences: number;
  maxGrowth: number;
  json?: boolean;
}

/** Small enough for a software driver: about 0.1 s a step. */
const CONFIG: DeitConfig = {
  imageSize: 64,
  patchSize: 16,
  dim: 64,
  depth: 3,
  heads: 2,
  mlpDim: 128,
  classes: 10,
  distilled: true,
  layerNormEpsilon: 1e-6,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  cropRatio: 0.875,
};
const BATCH = 8;
const SAMPLES = 50;
const MIB = 2 ** 20;

interface Result {
  calls: number;
  /** After the first call, and after the last. */
  gpu: { first: GpuMemory; last: GpuMemory; largest: GpuMemory };
  /** Median resident memory in MiB of the second fifth of the calls and of the last. */
  residentMiB: { early: number; late: number; growth: number };
  seconds: number;
  flat: boolean;
}

async function measure(
  executor: WebgpuExecutor,
  calls: number,
  maxGrowth: number,
  call: (index: number) => Promise<unknown>,
): Promise<Result> {
  await call(0);
  const first = executor.memory;
  let largest = first;
  const resident: number[] = [];
  const start = performance.now();
  for (let index = 1; index < calls; index++) {
    await call(index);
    const { memory } = executor;
    if (memory.bytes > largest.bytes || memory.buffers > largest.buffers) largest = memory;
    if (index % Math.max(1, Math.floor(calls / SAMPLES)) === 0)
      resident.push(process.memoryUsage.rss() / MIB);
  }
  const fifth = Math.max(1, Math.floor(resident.length / 5));
  const [early, late] = [median(resident.slice(fifth, 2 * fifth)), median(resident.slice(-fifth))];
  const gpu = { first, last: executor.memory, largest };
  const flat =
    largest.bytes === first.bytes && largest.buffers === first.buffers && late - early <= maxGrowth;
  const seconds = (performance.now() - start) / 1000;
  return { calls, gpu, residentMiB: { early, late, growth: late - early }, seconds, flat };
}

async function trainingSteps(executor: WebgpuExecutor, { steps, maxGrowth }: GpuMemoryOptions) {
  const loss = { distillation: "hard", alpha: 0.5, tau: 1, dropPath: 0, ema: true } as const;
  const teacher = await createInference(executor, CONFIG, benchWeights(CONFIG), { batchSizes: [BATCH] });
  const training = await createTraining(executor, {
    config: CONFIG,
    weights: benchWeights(CONFIG),
    batchSize: BATCH,
    ...loss,
  });
  const pixels = benchPixels(CONFIG, BATCH);
  const targets = new Float32Array(BATCH * CONFIG.classes);
  for (let sample = 0; sample < BATCH; sample++) targets[sample * CONFIG.classes + sample] = 1;
  const sampleWeights = new Float32Array(BATCH).fill(1 / BATCH);
  const rates = { learningRate: 1e-4, weightDecay: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const result = await measure(executor, steps, maxGrowth, async (index) => {
    const teacherLogits = await teacher.onDevice?.(pixels, BATCH);
    await training.accumulate({ pixels, targets, sampleWeights, ...(teacherLogits && { teacherLogits }) });
    await training.apply({ ...rates, step: index + 1, clipNorm: 1, emaDecay: 0.999 });
  });
  teacher.dispose();
  training.dispose();
  return result;
}

async function inferenceCalls(executor: WebgpuExecutor, { inferences, maxGrowth }: GpuMemoryOptions) {
  const inference = await createInference(executor, CONFIG, benchWeights(CONFIG), { batchSizes: [1] });
  const pixels = benchPixels(CONFIG, 1);
  const result = await measure(executor, inferences, maxGrowth, () => inference.logits(pixels, 1));
  inference.dispose();
  return result;
}

function print(kind: string, { calls, gpu, residentMiB, seconds, flat }: Result): void {
  const { early, late } = residentMiB;
  const bytes = (gpu.first.bytes / MIB).toFixed(2);
  console.log(
    `${calls} ${kind} in ${seconds.toFixed(0)} s: ${gpu.first.buffers} buffers of ${bytes} MiB after the first, at most ` +
      `${gpu.largest.buffers} of ${(gpu.largest.bytes / MIB).toFixed(2)} MiB; resident ${early.toFixed(1)} → ${late.toFixed(1)} MiB: ${flat ? "flat" : "NOT FLAT"}`,
  );
}

export async function main(words: readonly string[]): Promise<void> {
  const options = new Command("gpu-memory")
    .option("--adapter <name>", "name or index of the adapter (webgpu:ADAPTER)")
    .option("--steps <n>", "training steps", wholeNumber("--steps", { min: 10 }), 500)
    .option("--inferences <n>", "inferences", wholeNumber("--inferences", { min: 10 }), 1000)
    .option(
      "--max-growth <MiB>",
      "allowed growth of resident memory",
      decimalNumber("--max-growth", { min: 0 }),
      8,
    )
    .option("--json", "end with one line of JSON")
    .parse([...words], { from: "user" })
    .opts<GpuMemoryOptions>();
  const executor = await createWebgpuExecutor(nodeHost(), { adapter: options.adapter });
  console.log(executor.description);
  const training = await trainingSteps(executor, options);
  print("training steps", training);
  const inference = await inferenceCalls(executor, options);
  print("inferences", inference);
  if (!training.flat || !inference.flat) process.exitCode = 1;
  if (options.json)
    console.log(JSON.stringify({ node: process.version, device: executor.description, training, inference }));
  await executor.dispose();
}
