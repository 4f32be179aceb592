// Classifies photographs on an inference server (npm run serve -- --model MODEL):
// node examples/inference-client.mjs 127.0.0.1:8001 photo.jpg …

import { readFile } from "node:fs/promises";
import { connectInference } from "vitrine/client";

const [address, ...photos] = process.argv.slice(2);
const client = connectInference(address);
try {
  const { name, labels } = await client.metadata();
  console.log(`${name} at ${address}, ${labels.length} classes`);
  const files = await Promise.all(photos.map((photo) => readFile(photo)));
  const results = await client.classify(files, { topK: 1 });
  for (const [i, [{ label, probability }]] of results.entries())
    console.log(`${photos[i]}: ${label} ${(100 * probability).toFixed(1)}%`);
} finally {
  client.close();
}
