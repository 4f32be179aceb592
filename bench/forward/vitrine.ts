// Vitrine as a peer of the forward bench: vitrine.js FOLDER BATCH THREADS [int8]

import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { int8Layers } from "../../runtime/models/deit/parameters.js";
import { toDtype } from "../../runtime/weights/weight-dtype.js";
import { readInputs, readPixels } from "../peers/inputs.js";
import { serveRounds } from "../peers/peer.js";

const [folder, batchText, threads, dtype] = process.argv.slice(2) as [string, string, string, string?];
const batch = Number(batchText);
const { config, weights } = readInputs(folder);
const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: Number(threads) });
const kept = toDtype(weights, dtype === "int8" ? "int8" : "float32", int8Layers(config));
const inference = await createInference(runtime.executor, config, kept.weights, {
  batchSizes: [batch],
  matrices: kept.matrices,
});
const pixels = readPixels(folder, config, batch);
const { logits } = await inference.logits(pixels, batch);
await serveRounds([...logits], () => inference.logits(pixels, batch));
