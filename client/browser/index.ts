// vitrine/browser: classifies photographs in a page, in a worker, with the decoder and the kernels that Node uses.

import { fromErrorRecord, VitrineError } from "../../runtime/errors.js";
import type {
  Classification,
  Classifier,
  ClassifierOptions,
  ClassifyOptions,
  ModelCard,
} from "./contract.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { startWorker } from "./start-worker.js";

export { type ErrorCode, type ErrorDetails, isVitrineError, VitrineError } from "../../runtime/errors.js";
export type { DownloadProgress } from "../../runtime/host/browser.js";
export type { Url, WebBlob } from "../../runtime/host/environment-types.js";
export type { ClassScore } from "../../runtime/inference/logits.js";
export type {
  Classification,
  Classifier,
  ClassifierOptions,
  ClassifyOptions,
  KernelProgress,
  ModelCard,
} from "./contract.js";

interface Pending {
  resolve(classification: Classification): void;
  reject(error: VitrineError): void;
}

/** A copy that can be transferred to the worker: the caller keeps its own. */
async function copyBytes(picture: Blob | ArrayBuffer | Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (picture instanceof Uint8Array) return Uint8Array.from(picture);
  if (picture instanceof ArrayBuffer) return new Uint8Array(picture.slice(0));
  try {
    return new Uint8Array(await picture.arrayBuffer());
  } catch (cause) {
    throw new VitrineError("file/unreadable", "the file could not be read: was it moved or deleted?", {
      cause,
    });
  }
}

/** A URL resolved against the page: the worker has another base. */
function absolute(url: URL | string): string {
  return new URL(url, globalThis.location?.href).href;
}

class WorkerClassifier implements Classifier {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #ended: VitrineError | undefined;
  #card: ModelCard;
  readonly #onMoved: (card: ModelCard) => void;

  constructor(worker: Worker, card: ModelCard, onMoved: (card: ModelCard) => void = () => {}) {
    this.#worker = worker;
    this.#card = card;
    this.#onMoved = onMoved;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    worker.onerror = (event) => this.#end(workerFailure(event));
  }

  get card(): ModelCard {
    return this.#card;
  }

  async classify(
    picture: Blob | ArrayBuffer | Uint8Array,
    { topK = 5 }: ClassifyOptions = {},
  ): Promise<Classification> {
    if (!Number.isInteger(topK) || topK < 1) {
      throw new VitrineError("usage/number", `topK got ${topK}; allowed: a whole number, at least 1`);
    }
    const file = await copyBytes(picture);
    if (this.#ended) throw this.#ended;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      const message: ToWorker = { kind: "classify", id, file, topK };
      this.#worker.postMessage(message, [file.buffer]);
    });
  }

  dispose(): void {
    this.#end(new VitrineError("usage/disposed", "the classifier was disposed"));
  }

  #receive(message: FromWorker): void {
    if (message.kind === "moved") {
      this.#card = message.card;
      this.#onMoved(message.card);
    }
    if (message.kind !== "classified" && message.kind !== "classify-failed") return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === "classified") pending?.resolve(message.classification);
    else pending?.reject(fromErrorRecord(message.error));
  }

  #end(error: VitrineError): void {
    this.#ended ??= error;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function workerFailure(event: ErrorEvent): VitrineError {
  const text = event.message ?? "its script could not be loaded";
  return new VitrineError("internal/worker", `the classifier's worker failed: ${text}`);
}

/**
 * Starts a worker and loads a model into it.
 *
 * Throws `network/unreachable` and `network/http` where a file cannot be fetched, `model/…` and `weights/…` where the
 * model is not valid, `device/…` where the requested device is not available, `internal/worker` where the worker's
 * script fails.
 *
 * ```ts
 * const classifier = await createClassifier({ model: "/models/deit/" });
 * const { classes } = await classifier.classify(file, { topK: 3 });
 * classifier.dispose();
 * ```
 */
export function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(
      () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "vitrine" }),
      "./worker.js",
      import.meta.url,
    );
    const fail = (error: VitrineError) => {
      worker.terminate();
      reject(error);
    };
    worker.onerror = (event) => fail(workerFailure(event));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "progress") options.onProgress?.(data.progress);
      if (data.kind === "kernels") options.onKernels?.(data.progress);
      if (data.kind === "loaded") resolve(new WorkerClassifier(worker, data.card, options.onMoved));
      if (data.kind === "load-failed") fail(fromErrorRecord(data.error));
    };
    const message: ToWorker = {
      kind: "load",
      model: absolute(options.model),
      assets: options.assets === undefined ? undefined : absolute(options.assets),
      device: options.device ?? "auto",
    };
    worker.postMessage(message);
  });
}
