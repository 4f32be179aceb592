// Worker: the model's own thread in a page. Loads once, then answers one picture after the other.

import { classScores } from "../../runtime/class-scores.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { toErrorRecord } from "../../runtime/errors.js";
import { browserHost, urlModelSource } from "../../runtime/host/browser.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import type { Classification, FromWorker, ToWorker } from "./messages.js";
import { readPicture } from "./read-picture.js";

/** As much of DedicatedWorkerGlobalScope as is used; the DOM's types describe a page only. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

let model: Promise<Model> | undefined;

async function load(address: string, assets: string): Promise<Model> {
  const runtime = await createRuntime({ host: browserHost(assets), device: "wasm" });
  const source = urlModelSource(address, (progress) => scope.postMessage({ kind: "progress", progress }));
  // One picture at a time: no program for larger batches, and no memory for them.
  return loadModel(runtime, source, { batchSizes: [1] });
}

async function announce(loading: Promise<Model>): Promise<void> {
  try {
    const { name, config, labels, parameters } = await loading;
    const card = { name, imageSize: config.imageSize, labels: [...labels], parameters, device: "wasm" };
    scope.postMessage({ kind: "loaded", card });
  } catch (error) {
    scope.postMessage({ kind: "load-failed", error: toErrorRecord(error) });
  }
}

async function classify(model: Model, file: Uint8Array<ArrayBuffer>, topK: number): Promise<Classification> {
  const start = performance.now();
  const { pixels, decodedBy } = await readPicture(model, file);
  const decoded = performance.now();
  const { logits } = await model.logits(pixels, 1);
  const milliseconds = { decode: decoded - start, model: performance.now() - decoded };
  const classes = classScores(logits, model.labels, topK);
  return { classes, logits: Float32Array.from(logits), decodedBy, milliseconds };
}

async function answer({ id, file, topK }: Extract<ToWorker, { kind: "classify" }>): Promise<void> {
  try {
    if (!model) throw new Error("classify came before load");
    const classification = await classify(await model, file, topK);
    scope.postMessage({ kind: "classified", id, classification }, [classification.logits.buffer]);
  } catch (error) {
    scope.postMessage({ kind: "classify-failed", id, error: toErrorRecord(error) });
  }
}

/** The executor runs one program at a time: a picture waits for the one before it. */
let last = Promise.resolve();

scope.onmessage = ({ data }) => {
  if (data.kind === "load") {
    model = load(data.model, data.assets);
    void announce(model);
  } else last = last.then(() => answer(data));
};
