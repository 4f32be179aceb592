// Vitrine as a peer of the host bench: vitrine.js null|gpu forward|step BATCH SIDE. Its check is its number of dispatches.

import type { WebgpuExecutable } from "../../runtime/executors/webgpu/executable.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { createTraining } from "../../runtime/training/program.js";
import { benchPixels, benchWeights } from "../model-weights.js";
import { serveRounds } from "../peers/peer.js";
import { STEP, stepTargets } from "../peers/training-step.js";
import { hostConfig, openGpu, type Where } from "./setup.js";

const [where, task, batchText, side] = process.argv.slice(2) as [Where, string, string, string];
const batch = Number(batchText);
const config = hostConfig(Number(side));
const node = nodeHost();
const executor = await createWebgpuExecutor({ ...node, gpu: () => openGpu(where) });
/** In the order of compilation: for training, accumulate and apply come first. */
const compiled: WebgpuExecutable[] = [];
const compile = executor.compile.bind(executor);
executor.compile = async (program, stores) => {
  const executable = (await compile(program, stores)) as WebgpuExecutable;
  compiled.push(executable);
  return executable;
};
const weights = benchWeights(config);
const pixels = benchPixels(config, batch);

async function forward(): Promise<() => Promise<unknown>> {
  const inference = await createInference(executor, config, weights, { batchSizes: [batch] });
  return () => inference.logits(pixels, batch);
}

async function training(): Promise<() => Promise<unknown>> {
  const steps = await createTraining(executor, {
    config,
    weights,
    batchSize: batch,
    distillation: "none",
    alpha: 0,
    tau: 1,
    dropPath: 0,
    ema: false,
    noDecay: STEP.noDecay,
  });
  const inputs = {
    pixels,
    targets: stepTargets(batch, config.classes, STEP.smoothing),
    sampleWeights: new Float32Array(batch).fill(1 / batch),
  };
  let step = 0;
  return async () => {
    step += 1;
    // As the trainer does: both programs are submitted before the loss is read.
    const started = await steps.submit?.(inputs, { ...STEP, step, clipNorm: 0, emaDecay: 0 });
    await started?.outcome;
  };
}

const call = await (task === "forward" ? forward() : training());
const counted = task === "forward" ? compiled : compiled.slice(0, 2);
const dispatches = counted.reduce((sum, executable) => sum + executable.dispatches, 0);
await serveRounds([dispatches], call);
