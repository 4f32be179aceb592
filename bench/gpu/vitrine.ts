// Vitrine on a GPU as a peer: vitrine.js forward|train FOLDER BATCH DEVICE STEPS [TIER]
//
// A call is STEPS steps that are submitted without waiting in between, as the trainer does: the device never idles because
// of the CPU.

import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { createTraining } from "../../runtime/training/program.js";
import { readInputs, readPixels } from "../peers/inputs.js";
import { serveRounds } from "../peers/peer.js";
import { CHECKED_STEPS, STEP, stepTargets } from "../peers/training-step.js";

const [mode, folder, batchText, device, stepsText, gpuTier] = process.argv.slice(2) as [
  ...[mode: string, folder: string, batch: string, device: string, steps: string],
  tier?: string,
];
const batchSize = Number(batchText);
const { config, weights, settings = STEP } = readInputs(folder);
const { executor } = await createRuntime({ host: nodeHost(), device, gpuTier });
const pixels = readPixels(folder, config, batchSize);

/** The loss scale of 2^16 is halved at each. */
const MAX_ATTEMPTS = 30;

/** Submits the steps and resolves with the results of the last one. */
async function call(start: () => Promise<{ result: Promise<unknown> }>): Promise<void> {
  const results: Promise<unknown>[] = [];
  for (let step = 0; step < Number(stepsText); step++) results.push((await start()).result);
  await Promise.all(results);
}

async function forward(): Promise<void> {
  const inference = await createInference(executor, config, weights, { batchSizes: [batchSize] });
  const { logits } = await inference.logits(pixels, batchSize);
  // tfjs runs one program at a time.
  const waits = device.startsWith("tfjs:");
  const start = async () => {
    const result = inference.logits(pixels, batchSize);
    if (waits) await result;
    return { result };
  };
  await serveRounds([...logits], () => call(start));
}

async function train(): Promise<void> {
  const options = { distillation: "none", alpha: 0, tau: 1, dropPath: 0, ema: false } as const;
  const training = await createTraining(executor, {
    ...options,
    config,
    weights,
    batchSize,
    noDecay: settings.noDecay,
  });
  const targets = stepTargets(batchSize, config.classes, settings.smoothing);
  const sampleWeights = new Float32Array(batchSize).fill(1 / batchSize);
  const inputs = { pixels, targets, sampleWeights };
  const rates = { ...settings, clipNorm: 0, emaDecay: 0 };
  const start = async (step: number): Promise<{ result: Promise<{ loss: number; applied: boolean }> }> => {
    if (training.submit) return { result: (await training.submit(inputs, { ...rates, step })).outcome };
    const { loss } = await training.accumulate(inputs);
    const { applied } = await training.apply({ ...rates, step });
    return { result: Promise.resolve({ loss, applied }) };
  };
  const losses: number[] = [];
  for (let attempt = 0; losses.length < CHECKED_STEPS; attempt++) {
    const { loss, applied } = await (await start(losses.length + 1)).result;
    // A loss scale too large for float16 is halved and no weight changes: that does not count as a step.
    if (applied) losses.push(loss);
    else if (attempt === MAX_ATTEMPTS)
      throw new Error(`error: the gradients of step ${losses.length + 1} overflow`);
  }
  let step = CHECKED_STEPS;
  await serveRounds(losses, () => call(() => start(++step)));
}

await (mode === "train" ? train() : forward());
