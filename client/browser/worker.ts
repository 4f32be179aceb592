// Worker: the model's own thread in a page. It loads the model once, then computes inputs sequentially; where the GPU
// fails, it moves to wasm.

import { openExecutor } from "../../runtime/create-runtime.js";
import { isDeviceLost, isVitrineError, toErrorRecord, VitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { browserHost } from "../../runtime/host/browser.js";
import type { DownloadProgress } from "../../runtime/host/browser-download.js";
import type { HttpModelSource } from "../../runtime/host/browser-source.js";
import type { Answer } from "../../runtime/inference/answer.js";
import { type LoadedInference, loadInference } from "../../runtime/load-model.js";
import { readModel, releaseWeights, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { inputTransform, meanColor } from "../../runtime/models/config.js";
import type { ModelCard } from "./contract.js";
import type { ComputeTask, FromModel, LoadRequest, ToModel } from "./messages.js";
import { openModelSource } from "./model-source.js";
import { startWorker } from "./start-worker.js";
import { threadsReason } from "./threads-reason.js";

/** The part of DedicatedWorkerGlobalScope in use; the DOM's types describe only a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToModel>) => void) | null;
  postMessage(message: FromModel, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

interface Loaded {
  executor: Executor;
  description: string;
  model: LoadedInference;
  source: HttpModelSource;
  fallback?: string;
}

let requested: LoadRequest | undefined;
/** Undefined after the GPU was lost, until the model has moved to wasm. */
let loaded: Promise<Loaded> | undefined;
/** The error that reported the loss of the GPU. */
let lossMessage = "";

interface Opened {
  stored: StoredModel;
  source: HttpModelSource;
}

/** A page shows no more: a message per piece of the network would cost more than reading it. */
const PROGRESS_INTERVAL_MS = 40;

function reportProgress(): (progress: DownloadProgress) => void {
  let next = 0;
  return (progress) => {
    const now = performance.now();
    if (now < next && progress.loaded !== progress.total) return;
    next = now + PROGRESS_INTERVAL_MS;
    scope.postMessage({ kind: "progress", progress });
  };
}

/** The files come while the device is opened. */
function startReading(request: LoadRequest): Promise<Opened> {
  const reading = readFiles(request);
  // Awaited later, or not at all where there is no device.
  reading.catch(() => {});
  return reading;
}

async function readFiles({ model }: LoadRequest): Promise<Opened> {
  const source = await openModelSource(model, reportProgress());
  return { stored: await readModel(source, { views: true }), source };
}

async function loadOn(request: LoadRequest, reading: Promise<Opened>, device: string): Promise<Loaded> {
  const { assets, threads } = request;
  const newThread = () =>
    startWorker(
      () => new Worker(new URL("./pool-thread.js", import.meta.url), { type: "module" }),
      "./pool-thread.js",
      import.meta.url,
    );
  const host = browserHost(assets, newThread);
  const { executor, description } = await openExecutor({
    host,
    device,
    threads,
    onKernels: ({ made, wanted }) => scope.postMessage({ kind: "kernels", progress: { made, wanted } }),
  });
  try {
    const { stored, source } = await reading;
    const { dtype, address } = request.model;
    // One picture at a time: larger batches need no program and no memory.
    const options = { batchSizes: [1], ...(dtype !== "auto" && { dtype }) };
    const model = await loadInference({ host, executor }, stored, options);
    // Files that the page gave are read again where the GPU is lost.
    if (address.kind !== "bytes") void source.kept.then(() => releaseWeights(stored));
    return { executor, description, model, source };
  } catch (error) {
    await executor.dispose();
    throw error;
  }
}

/** True for failures that wasm cannot have: no GPU, a lost one, too little memory, no int8 kernels, a refused command. */
function isGpuFailure(error: unknown): boolean {
  return isVitrineError(error) && /^(device\/(unavailable|lost|memory|int8)|internal\/)/.test(error.code);
}

/** What failed, without what a command line would allow. */
const reasonOf = (error: unknown): string => (error as Error).message.replace(/; (allowed|use): .*$/, "");

async function load(request: LoadRequest): Promise<Loaded> {
  const reading = startReading(request);
  try {
    return await loadOn(request, reading, request.device);
  } catch (error) {
    if (request.device === "wasm" || !isGpuFailure(error)) throw error;
    return { ...(await loadOn(request, reading, "wasm")), fallback: reasonOf(error) };
  }
}

function cardOf(
  { executor, description, model, source, fallback }: Loaded,
  { threads }: LoadRequest,
): ModelCard {
  const { name, config, labels, parameters, dtype, bytes } = model;
  const { device, adapter } = executor;
  return {
    name,
    imageSize: config.imageSize,
    labels: [...labels],
    parameters,
    dtype,
    memoryBytes: bytes,
    download: source.facts,
    device,
    deviceDescription: description,
    fallback,
    ...(adapter && { adapter: { ...adapter } }),
    ...(executor.threads !== undefined && {
      threads: executor.threads,
      threadsReason: threadsReason(executor.threads, threads),
    }),
  };
}

async function announce(loading: Promise<Loaded>, request: LoadRequest): Promise<void> {
  try {
    const current = await loading;
    const { config } = current.model;
    const [transform, fill] = [inputTransform(config), meanColor(config.mean)];
    scope.postMessage({ kind: "loaded", loaded: { card: cardOf(current, request), transform, fill } });
    await current.source.kept;
    if (current.source.facts.notKept !== undefined)
      scope.postMessage({ kind: "not-kept", download: current.source.facts });
  } catch (error) {
    scope.postMessage({ kind: "load-failed", error: toErrorRecord(error) });
  }
}

/** Loads the model on wasm after the GPU was lost. Where its files cannot be fetched, the next picture tries again. */
async function moveToWasm(request: LoadRequest): Promise<Loaded> {
  const moved = { ...(await loadOn(request, startReading(request), "wasm")), fallback: lossMessage };
  loaded = Promise.resolve(moved);
  scope.postMessage({ kind: "moved", card: cardOf(moved, request) });
  return moved;
}

async function compute({ model }: Loaded, { pixels, extra }: ComputeTask): Promise<Answer> {
  const answer = await (await model.submit(pixels, 1, extra)).outcome;
  const place = answer.logits.findIndex((value) => !Number.isFinite(value));
  if (place < 0) return answer;
  const text =
    `the model answers ${answer.logits[place]} for class ${place}: its weights are damaged, ` +
    "or too large for the numbers that it is computed in";
  throw new VitrineError("model/not-finite", text, { details: { class: place } });
}

/** A picture during which the GPU is lost is computed again, on wasm. */
async function computeWithFallback(task: ComputeTask): Promise<Answer> {
  if (!requested) throw new Error("a task came before the model");
  const current = await (loaded ?? moveToWasm(requested));
  try {
    return await compute(current, task);
  } catch (error) {
    if (!isDeviceLost(error)) throw error;
    lossMessage = (error as Error).message;
  }
  loaded = undefined;
  current.model.dispose();
  await current.executor.dispose();
  return compute(await moveToWasm(requested), task);
}

async function respond(id: number, task: ComputeTask): Promise<void> {
  try {
    const result = await computeWithFallback(task);
    scope.postMessage({ kind: "done", id, result });
  } catch (error) {
    scope.postMessage({ kind: "failed", id, error: toErrorRecord(error) });
  }
}

scope.onmessage = ({ data }) => {
  if (data.kind === "load") {
    requested = data.request;
    loaded = load(data.request);
    void announce(loaded, data.request);
  } else void respond(data.id, data.task);
};
