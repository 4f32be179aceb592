// A DeiT of your own size, trained in this process on a folder of photographs, and written as a model folder:
// node examples/custom-model.mjs PHOTOS OUT STEPS [BATCH], with PHOTOS/CLASS/*.jpg

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mixTargets } from "vitrine/image";
import * as vitrine from "vitrine/runtime";
import { openFolder } from "./folder-source.mjs";

const [photos, out, steps, batch = "16"] = process.argv.slice(2);
const [size, batchSize, smoothing] = [64, Number(batch), 0.1];
const runtime = await vitrine.createRuntime({ host: vitrine.nodeHost() });
const source = await openFolder(photos, { size, batchSize });
const labels = source.description.classes;

const sizes = { imageSize: size, patchSize: 8, dim: 96, depth: 4, heads: 3, classes: labels.length };
const config = vitrine.completeConfig(sizes, "custom-model.mjs");
const weights = vitrine.initialWeights(config, 0, runtime.image.math);
const loss = { distillation: "none", alpha: 0, tau: 1, dropPath: 0, ema: false };
const training = await vitrine.createTraining(runtime.executor, { config, weights, batchSize, ...loss });

const adamW = { learningRate: 5e-4, weightDecay: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 1 };
let step = 0;
for await (const { pixels, labels, partnerLabels, lambdas, weights } of source.batches({
  epoch: 0,
  batch: 0,
})) {
  const targets = mixTargets({ classes: config.classes, smoothing, labels, partnerLabels, lambdas });
  const sampleWeights = weights.map((weight) => weight / batchSize);
  const { loss } = await training.accumulate({ pixels, targets, sampleWeights });
  await training.apply({ ...adamW, step: ++step, emaDecay: 0 });
  console.log(`step ${step}: loss ${loss.toFixed(4)}`);
  if (step === Number(steps)) break;
}

await mkdir(out, { recursive: true });
await writeFile(join(out, "config.json"), vitrine.writeConfigJson(config, labels));
const trained = vitrine.storedFloats(await training.read("weights"));
await writeFile(join(out, "model.safetensors"), vitrine.writeSafetensors(trained));
await source.close();
await runtime.dispose();
