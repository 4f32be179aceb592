// Classifies photographs in this process: node examples/classify.mjs MODEL photo.jpg …

import { readFile } from "node:fs/promises";
import { createRuntime, loadModel, nodeHost, nodeModelSource } from "vitrine/runtime";

const [folder, ...photos] = process.argv.slice(2);
const runtime = await createRuntime({ host: nodeHost() });
const model = await loadModel(runtime, await nodeModelSource(folder));

const files = await Promise.all(photos.map((photo) => readFile(photo)));
const results = await model.classify(files, { topK: 3 });
for (const [i, classes] of results.entries()) {
  const named = classes.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)}%`);
  console.log(`${photos[i]}: ${named.join(", ")}`);
}

model.dispose();
await runtime.dispose();
