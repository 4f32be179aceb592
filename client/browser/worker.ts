// Worker: the model's own thread in a page. Loads once, then answers one picture after the other.

import { classScores } from "../../runtime/class-scores.js";
import { createRuntime, type Runtime } from "../../runtime/create-runtime.js";
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

interface Loaded {
  runtime: Runtime;
  model: Model;
}

let loaded: Promise<Loaded> | undefined;

async function load(address: string, assets: string): Promise<Loaded> {
  const newThread = () => new Worker(new URL("./pool-thread.js", import.meta.url), { type: "module" });
  const host = browserHost(assets, newThread);
  const runtime = await createRuntime({ host, device: "wasm", threads: "auto" });
  const source = urlModelSource(address, (progress) => scope.postMessage({ kind: "progress", progress }));
  // One picture at a time: no program for larger batches, and no memory for them.
  const model = await loadModel(runtime, source, { batchSizes: [1] });
  return { runtime, model };
}

async function announce(loading: Promise<Loaded>): Promise<void> {
  try {
    const { runtime, model } = await loading;
    const { name, config, labels, parameters } = model;
    const device = runtime.executor.device;
    const card = { name, imageSize: config.imageSize, labels: [...labels], parameters, device };
    scope.postMessage({ kind: "loaded", card });
  } catch (error) {
    scope.postMessage({ kind: "load-failed", error: toErrorRecord(error) });
  }
}

async function classify(
  { runtime, model }: Loaded,
  file: Uint8Array<ArrayBuffer>,
  topK: number,
): Promise<Classification> {
  const start = performance.now();
  const { pixels, decodedBy } = await readPicture(runtime, model.config, file);
  const decoded = performance.now();
  const { logits } = await model.logits(pixels, 1);
  const milliseconds = { decode: decoded - start, model: performance.now() - decoded };
  const classes = classScores(logits, model.labels, topK);
  return { classes, logits: Float32Array.from(logits), decodedBy, milliseconds };
}

async function answer({ id, file, topK }: Extract<ToWorker, { kind: "classify" }>): Promise<void> {
  try {
    if (!loaded) throw new Error("classify came before load");
    const classification = await classify(await loaded, file, topK);
    scope.postMessage({ kind: "classified", id, classification }, [classification.logits.buffer]);
  } catch (error) {
    scope.postMessage({ kind: "classify-failed", id, error: toErrorRecord(error) });
  }
}

/** The executor runs one program at a time: a picture waits for the one before it. */
let last = Promise.resolve();

scope.onmessage = ({ data }) => {
  if (data.kind === "load") {
    loaded = load(data.model, data.assets);
    void announce(loaded);
  } else last = last.then(() => answer(data));
};
