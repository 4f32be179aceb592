// Bench of a busy neighbor: a training step on all cores while other processes hold all cores but one, beside the same
// step on one thread. Threads that were counted on and do not come must cost little: the aim is 1.15 at most.
//
// Steps of one thread and of all take turns in one process, first alone and then beside the neighbors, which do nothing but
// count. The figure is the ratio of the medians and of the 90th percentiles, beside the neighbors.

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

interface Scene {
  oneThread: Spread;
  allThreads: Spread;
  ratios: { median: number; p90: number };
}

const COUNTING =
  "process.on('disconnect', () => process.exit()); setInterval(() => { const end = Date.now() + 1000; while (Date.now() < end); }, 0);";

/** A process that never rests and ends with this one. */
function startNeighbor(): () => void {
  const child = spawn(process.execPath, ["-e", COUNTING], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return () => void child.kill("SIGKILL");
}

function spread(spans: number[]): Spread {
  const sorted = [...spans].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  return { medianMs: at(0.5), p90Ms: at(0.9) };
}

type Step = () => Promise<unknown>;

async function stepOf(threads: number, batch: number, model: string): Promise<{ step: Step; close: Step }> {
  const config = benchConfig(model);
  const executor = await createWasmExecutor(nodeHost(), { threads });
  const training = await createTraining(executor, {
    config,
    weights: benchWeights(config),
    batchSize: batch,
    ...{ distillation: "none", alpha: 0, tau: 1, dropPath: 0, ema: false },
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

async function scene(one: Step, all: Step, rounds: number): Promise<Scene> {
  const spans: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [i, step] of [one, all].entries()) {
      const start = performance.now();
      await step();
      (spans[i] as number[]).push(performance.now() - start);
    }
  }
  const [oneThread, allThreads] = spans.map(spread) as [Spread, Spread];
  const ratios = {
    median: allThreads.medianMs / oneThread.medianMs,
    p90: allThreads.p90Ms / oneThread.p90Ms,
  };
  return { oneThread, allThreads, ratios };
}

function print(name: string, threads: number, { oneThread, allThreads, ratios }: Scene): void {
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
    throw new Error("bench: a neighbor takes a core of its own, and this process may use one only");
  const one = await stepOf(1, batch, values.model);
  const all = await stepOf(cores, batch, values.model);
  for (const { step } of [one, all]) for (let i = 0; i < 3; i++) await step();
  console.log(`${values.model}, a training step of ${batch}, ${rounds} rounds, ${process.version}`);
  const alone = await scene(one.step, all.step, Math.ceil(rounds / 2));
  print("alone", cores, alone);
  const stops = Array.from({ length: cores - 1 }, startNeighbor);
  let beside: Scene;
  try {
    beside = await scene(one.step, all.step, rounds);
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
