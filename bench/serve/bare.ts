// Bare executor: the model without a server, in a process of its own. It answers what its parent asks: so many seconds of
// batches of a size, or of decoding pictures.

import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { publishedDeit } from "../../runtime/models/deit/published.js";
import { benchPixels } from "../model-weights.js";
import type { BareAnswer, BareQuestion } from "./bare-process.js";

const [folder = "", maxBatch = "8"] = process.argv.slice(2);

const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: "auto", background: true });
const model = await loadModel(runtime, nodeModelSource(folder), { batchSizes: [1, Number(maxBatch)] });
const { imageSize } = model.config;
const pixels = new Map<number, Uint8Array>();

/** uint8 [count, size, size, 3], always the same. */
function pixelsOf(count: number): Uint8Array {
  const config = publishedDeit("deit_tiny_patch16_224")!;
  const made = pixels.get(count) ?? benchPixels({ ...config, imageSize }, count);
  pixels.set(count, made);
  return made;
}

async function work(question: BareQuestion, round: number): Promise<void> {
  if ("pictures" in question) {
    const picture = question.pictures[round % question.pictures.length]!;
    await model.readPicture(Buffer.from(picture, "base64"));
  } else await model.logits(pixelsOf(question.batch), question.batch);
}

async function answer(question: BareQuestion): Promise<BareAnswer> {
  const spans: number[] = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + 1000 * question.seconds;
  do {
    const from = performance.now();
    await work(question, spans.length);
    spans.push(performance.now() - from);
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1000, spans, cpuMs: (user + system) / 1000 };
}

process.on("message", (question: BareQuestion) => {
  void answer(question).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
