// Vitrine as a peer of the train bench: vitrine.js FOLDER BATCH THREADS

import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createTraining } from "../../runtime/training/program.js";
import { readInputs, readPixels } from "../peers/inputs.js";
import { serveRounds } from "../peers/peer.js";
import { CHECKED_STEPS, STEP, stepTargets } from "../peers/training-step.js";

const [folder, batchText, threads] = process.argv.slice(2) as [string, string, string];
const batchSize = Number(batchText);
const { config, weights, settings = STEP } = readInputs(folder);
const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: Number(threads) });
const training = await createTraining(runtime.executor, {
  config,
  weights,
  batchSize,
  distillation: "none",
  alpha: 0,
  tau: 1,
  dropPath: 0,
  ema: false,
  noDecay: settings.noDecay,
});
const inputs = {
  pixels: readPixels(folder, config, batchSize),
  targets: stepTargets(batchSize, config.classes, settings.smoothing),
  sampleWeights: new Float32Array(batchSize).fill(1 / batchSize),
};
let step = 0;

async function call(): Promise<number> {
  const { loss } = await training.accumulate(inputs);
  step += 1;
  await training.apply({ ...settings, step, clipNorm: 0, emaDecay: 0 });
  return loss;
}

const losses: number[] = [];
while (losses.length < CHECKED_STEPS) losses.push(await call());
await serveRounds(losses, call);
