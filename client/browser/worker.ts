// Worker: the model's own thread in a page. Loads once, then answers one picture after the other; where the GPU fails,
// wasm takes its place.

import { createRuntime } from "../../runtime/create-runtime.js";
import { isDeviceLost, isVitrineError, toErrorRecord } from "../../runtime/errors.js";
import { browserHost, urlModelSource } from "../../runtime/host/browser.js";
import { classScores } from "../../runtime/inference/logits.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { Classification, FromWorker, ModelCard, ToWorker } from "./messages.js";
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
  fallback?: string;
}

type Wanted = Extract<ToWorker, { kind: "load" }>;

let wanted: Wanted | undefined;
/** Undefined after a loss, until wasm has taken the GPU's place. */
let loaded: Promise<Loaded> | undefined;
/** How the GPU was lost. */
let loss = "";

async function loadOn({ model: address, assets }: Wanted, device: string): Promise<Loaded> {
  const newThread = () => new Worker(new URL("./pool-thread.js", import.meta.url), { type: "module" });
  const runtime = await createRuntime({
    host: browserHost(assets, newThread),
    device,
    threads: "auto",
    onKernels: ({ made, wanted }) => scope.postMessage({ kind: "kernels", progress: { made, wanted } }),
  });
  try {
    const source = urlModelSource(address, (progress) => scope.postMessage({ kind: "progress", progress }));
    // One picture at a time: no program for larger batches, and no memory for them.
    return { runtime, model: await loadModel(runtime, source, { batchSizes: [1] }) };
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}

/** What a GPU can do wrong and wasm does right: not be there, be lost, be too small, refuse a command. */
function isGpuFailure(error: unknown): boolean {
  return isVitrineError(error) && /^(device\/(unavailable|lost|memory)|internal\/)/.test(error.code);
}

async function load(asked: Wanted): Promise<Loaded> {
  try {
    return await loadOn(asked, asked.device);
  } catch (error) {
    if (asked.device === "wasm" || !isGpuFailure(error)) throw error;
    return { ...(await loadOn(asked, "wasm")), fallback: (error as Error).message };
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

/** The model on wasm after the GPU was lost. Where its files cannot be had just then, the next picture tries again. */
async function move(asked: Wanted): Promise<Loaded> {
  const moved = { ...(await loadOn(asked, "wasm")), fallback: loss };
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
  const { pixels, decodedBy } = await readPicture(runtime, model.config, file);
  const decoded = performance.now();
  const { logits } = await model.logits(pixels, 1);
  const milliseconds = { decode: decoded - start, model: performance.now() - decoded };
  const classes = classScores(logits, model.labels, topK);
  return { classes, logits: Float32Array.from(logits), decodedBy, milliseconds };
}

/** A picture that meets the loss of the GPU is classified again, on wasm. */
async function classifySomewhere(file: Uint8Array<ArrayBuffer>, topK: number): Promise<Classification> {
  if (!wanted) throw new Error("classify came before load");
  const here = await (loaded ?? move(wanted));
  try {
    return await classify(here, file, topK);
  } catch (error) {
    if (!isDeviceLost(error)) throw error;
    loss = (error as Error).message;
  }
  loaded = undefined;
  here.model.dispose();
  await here.runtime.dispose();
  return classify(await move(wanted), file, topK);
}

async function answer({ id, file, topK }: Extract<ToWorker, { kind: "classify" }>): Promise<void> {
  try {
    const classification = await classifySomewhere(file, topK);
    scope.postMessage({ kind: "classified", id, classification }, [classification.logits.buffer]);
  } catch (error) {
    scope.postMessage({ kind: "classify-failed", id, error: toErrorRecord(error) });
  }
}

/** The executor runs one program at a time: a picture waits for the one before it. */
let last = Promise.resolve();

scope.onmessage = ({ data }) => {
  if (data.kind === "load") {
    wanted = data;
    loaded = load(data);
    void announce(loaded);
  } else last = last.then(() => answer(data));
};
