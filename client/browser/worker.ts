// Worker: the model's own thread in a page. It loads the model once, then classifies pictures sequentially; where the
// GPU fails, it moves to wasm.

import { createRuntime } from "../../runtime/create-runtime.js";
import { isDeviceLost, isVitrineError, toErrorRecord } from "../../runtime/errors.js";
import { browserHost, urlModelSource } from "../../runtime/host/browser.js";
import { readPictureAnywhere } from "../../runtime/image/picture-reader.js";
import { classScores } from "../../runtime/inference/logits.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import { inputTransform } from "../../runtime/models/config.js";
import type { Runtime } from "../../runtime/runtime.js";
import { decodeOnCanvas } from "./canvas-decoder.js";
import type { Classification, ModelCard } from "./contract.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { startWorker } from "./start-worker.js";

/** The part of DedicatedWorkerGlobalScope in use; the DOM's types describe only a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

interface Loaded {
  runtime: Runtime;
  model: Model;
  fallback?: string;
}

type LoadRequest = Extract<ToWorker, { kind: "load" }>;

let requested: LoadRequest | undefined;
/** Undefined after the GPU was lost, until the model has moved to wasm. */
let loaded: Promise<Loaded> | undefined;
/** The error that reported the loss of the GPU. */
let lossMessage = "";

async function loadOn({ model: address, assets }: LoadRequest, device: string): Promise<Loaded> {
  const newThread = () =>
    startWorker(
      () => new Worker(new URL("./pool-thread.js", import.meta.url), { type: "module" }),
      "./pool-thread.js",
      import.meta.url,
    );
  const runtime = await createRuntime({
    host: browserHost(assets, newThread),
    device,
    threads: "auto",
    onKernels: ({ made, wanted }) => scope.postMessage({ kind: "kernels", progress: { made, wanted } }),
  });
  try {
    const source = urlModelSource(address, (progress) => scope.postMessage({ kind: "progress", progress }));
    // One picture at a time: larger batches need no program and no memory.
    return { runtime, model: await loadModel(runtime, source, { batchSizes: [1] }) };
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}

/** True for failures that wasm cannot have: no GPU, a lost one, one with too little memory, a refused command. */
function isGpuFailure(error: unknown): boolean {
  return isVitrineError(error) && /^(device\/(unavailable|lost|memory)|internal\/)/.test(error.code);
}

async function load(request: LoadRequest): Promise<Loaded> {
  try {
    return await loadOn(request, request.device);
  } catch (error) {
    if (request.device === "wasm" || !isGpuFailure(error)) throw error;
    return { ...(await loadOn(request, "wasm")), fallback: (error as Error).message };
  }
}

function cardOf({ runtime, model, fallback }: Loaded): ModelCard {
  const { name, config, labels, parameters } = model;
  const { executor, description } = runtime;
  const device = { device: executor.device, deviceDescription: description, fallback };
  return { name, imageSize: config.imageSize, labels: [...labels], parameters, ...device };
}

async function announce(loading: Promise<Loaded>): Promise<void> {
  try {
    scope.postMessage({ kind: "loaded", card: cardOf(await loading) });
  } catch (error) {
    scope.postMessage({ kind: "load-failed", error: toErrorRecord(error) });
  }
}

/** Loads the model on wasm after the GPU was lost. Where its files cannot be fetched, the next picture tries again. */
async function moveToWasm(request: LoadRequest): Promise<Loaded> {
  const moved = { ...(await loadOn(request, "wasm")), fallback: lossMessage };
  loaded = Promise.resolve(moved);
  scope.postMessage({ kind: "moved", card: cardOf(moved) });
  return moved;
}

async function classify(
  { runtime, model }: Loaded,
  file: Uint8Array<ArrayBuffer>,
  topK: number,
): Promise<Classification> {
  const start = performance.now();
  const transform = inputTransform(model.config);
  const picture = await readPictureAnywhere(runtime.image, file, transform, decodeOnCanvas);
  const decoded = performance.now();
  const { logits } = await model.logits(picture.pixels, 1);
  const milliseconds = { decode: decoded - start, model: performance.now() - decoded };
  const classes = classScores(logits, model.labels, topK);
  return {
    classes,
    logits: Float32Array.from(logits),
    decodedBy: picture.decodedBy === "vitrine" ? "vitrine" : "browser",
    milliseconds,
  };
}

/** A picture during which the GPU is lost is classified again, on wasm. */
async function classifyWithFallback(file: Uint8Array<ArrayBuffer>, topK: number): Promise<Classification> {
  if (!requested) throw new Error("classify was called before load");
  const current = await (loaded ?? moveToWasm(requested));
  try {
    return await classify(current, file, topK);
  } catch (error) {
    if (!isDeviceLost(error)) throw error;
    lossMessage = (error as Error).message;
  }
  loaded = undefined;
  current.model.dispose();
  await current.runtime.dispose();
  return classify(await moveToWasm(requested), file, topK);
}

async function respond({ id, file, topK }: Extract<ToWorker, { kind: "classify" }>): Promise<void> {
  try {
    const classification = await classifyWithFallback(file, topK);
    scope.postMessage({ kind: "classified", id, classification }, [classification.logits.buffer]);
  } catch (error) {
    scope.postMessage({ kind: "classify-failed", id, error: toErrorRecord(error) });
  }
}

/** The executor runs one program at a time: a picture waits for the one before it. */
let last = Promise.resolve();

scope.onmessage = ({ data }) => {
  if (data.kind === "load") {
    requested = data;
    loaded = load(data);
    void announce(loaded);
  } else last = last.then(() => respond(data));
};
