// Bench of a noisy neighbor: a training step on all cores while other processes occupy all cores but one, compared with
// the same step on one thread. Threads that do not get to run must cost little: the target is a ratio of at most 1.15.
//
// Steps on one thread and on all threads take turns in one process, first alone and then beside the neighbors, which only
// spin. The result is the ratio of the medians and of the 90th percentiles beside the neighbors.

import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { createWasmExecutor } from "../runtime/executors/wasm/executor.js";
import { nodeHost } from "../runtime/host/node.js";
import { createTraining } from "../runtime/training/program.js";
import { benchConfig, benchPixels, benchWeights } from "./model-weights.js";
import { STEP, stepTargets } from "./peers/training-step.js";

interface Spread {
  medianMs: number;
  p90Ms: number;
}

interface Scenario {
  oneThread: Spread;
  allThreads: Spread;
  ratios: { median: number; p90: number };
}

const SPIN =
  "process.on('disconnect', () => process.exit()); setInterval(() => { const end = Date.now() + 1000; while (Date.now() < end); }, 0);";

/** Starts a process that always spins and exits with this one; the returned function kills it. */
function startNeighbor(): () => void {
  const child = spawn(process.execPath, ["-e", SPIN], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return () => void child.kill("SIGKILL");
}

function spread(spans: number[]): Spread {
  const sorted = [...spans].sort((a, b) => a - b);
  const quantile = (fraction: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
  return { medianMs: quantile(0.5), p90Ms: quantile(0.9) };
}

type Step = () => Promise<unknown>;

async function stepOf(threads: number, batch: number, model: string): Promise<{ step: Step; close: Step }> {
  const config = benchConfig(model);
  const executor = await createWasmExecutor(nodeHost(), { threads });
  const training = await createTraining(executor, {
    config,
    weights: benchWeights(config),
    batchSize: batch,
    distillation: "none",
    alpha: 0,
    tau: 1,
    dropPath: 0,
    ema: false,
  });
  const inputs = {
    pixels: benchPixels(config, batch),
    targets: stepTargets(batch, config.classes, STEP.smoothing),
    sampleWeights: new Float32Array(batch).fill(1 / batch),
  };
  let count = 0;
  const step = async () => {
    await training.accumulate(inputs);
    count += 1;
    await training.apply({ ...STEP, step: count, clipNorm: 0, emaDecay: 0 });
  };
  return { step, close: () => executor.dispose() };
}

async function measure(one: Step, all: Step, rounds: number): Promise<Scenario> {
  const spans: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [i, step] of [one, all].entries()) {
      const start = performance.now();
      await step();
      spans[i].push(performance.now() - start);
    }
  }
  const [oneThread, allThreads] = spans.map(spread) as [Spread, Spread];
  const ratios = {
    median: allThreads.medianMs / oneThread.medianMs,
    p90: allThreads.p90Ms / oneThread.p90Ms,
  };
  return { oneThread, allThreads, ratios };
}

function print(name: string, threads: number, { oneThread, allThreads, ratios }: Scenario): void {
  const show = ({ medianMs, p90Ms }: Spread) => `${medianMs.toFixed(1)} ms (p90 ${p90Ms.toFixed(1)})`;
  console.log(
    `${name.padEnd(26)} one thread ${show(oneThread)}, ${threads} threads ${show(allThreads)}: ` +
      `${ratios.median.toFixed(2)}, p90 ${ratios.p90.toFixed(2)}`,
  );
}

export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      model: { type: "string", default: "deit_tiny_distilled_patch16_224" },
      batch: { type: "string", default: "2" },
      rounds: { type: "string", default: "40" },
      json: { type: "boolean", default: false },
    },
  });
  const [batch, rounds, cores] = [Number(values.batch), Number(values.rounds), nodeHost().cores()];
  if (cores < 2)
    throw new Error("bench: noisy-neighbor needs at least two cores, and this process may use one only");
  const one = await stepOf(1, batch, values.model);
  const all = await stepOf(cores, batch, values.model);
  for (const { step } of [one, all]) for (let i = 0; i < 3; i++) await step();
  console.log(`${values.model}, a training step of ${batch}, ${rounds} rounds, ${process.version}`);
  const alone = await measure(one.step, all.step, Math.ceil(rounds / 2));
  print("alone", cores, alone);
  const stops = Array.from({ length: cores - 1 }, startNeighbor);
  let beside: Scenario;
  try {
    beside = await measure(one.step, all.step, rounds);
  } finally {
    for (const stop of stops) stop();
  }
  print(`beside ${cores - 1} busy process${cores > 2 ? "es" : ""}`, cores, beside);
  await one.close();
  await all.close();
  if (values.json) {
    const { ratios } = beside;
    const run = { node: process.version, model: values.model, batch, rounds, cores };
    console.log(JSON.stringify({ ...run, alone, beside, ratios }));
  }
}
