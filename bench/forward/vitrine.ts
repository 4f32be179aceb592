// Vitrine as a contestant of the forward bench: vitrine.js FOLDER BATCH THREADS

import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference-program.js";
import { serveRounds } from "../peers/contestant.js";
import { readMaterial, readPixels } from "../peers/material.js";

const [folder, batchText, threads] = process.argv.slice(2) as [string, string, string];
const batch = Number(batchText);
const { config, weights } = readMaterial(folder);
const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: Number(threads) });
const inference = await createInference(runtime.executor, config, weights, { batchSizes: [batch] });
const pixels = readPixels(folder, config, batch);
const { logits } = await inference.logits(pixels, batch);
await serveRounds([...logits], () => inference.logits(pixels, batch));
