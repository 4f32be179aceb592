// Model thread: the page's side of the worker that holds the model.

import { fromErrorRecord, type VitrineError } from "../../runtime/errors.js";
import type { Answer } from "../../runtime/inference/answer.js";
import type { ClassifierOptions, ModelCard } from "./contract.js";
import type { ComputeTask, FromModel, LoadedModel, LoadRequest, ToModel } from "./messages.js";
import type { ModelStage } from "./model-stage.js";
import { startWorker } from "./start-worker.js";
import { type Outcome, TaskQueue } from "./task-queue.js";
import { workerFailure } from "./worker-failure.js";

type Events = Pick<ClassifierOptions, "onProgress" | "onKernels" | "onMoved">;

export class ModelThread implements ModelStage {
  /** Rejects with what `createClassifier` throws about a model. */
  readonly loaded: Promise<LoadedModel>;
  readonly #worker: Worker;
  readonly #queue: TaskQueue<ComputeTask, Answer>;
  readonly #events: Events;
  #settleLoaded!: { resolve(loaded: LoadedModel): void; reject(error: VitrineError): void };
  #card: ModelCard | undefined;

  constructor(request: LoadRequest, events: Events) {
    this.#events = events;
    this.loaded = new Promise((resolve, reject) => {
      this.#settleLoaded = { resolve, reject };
    });
    this.#worker = startWorker(
      () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "vitrine" }),
      "./worker.js",
      import.meta.url,
    );
    this.#worker.onmessage = ({ data }: MessageEvent<FromModel>) => this.#receive(data);
    this.#worker.onerror = (event) => this.end(workerFailure("model", event));
    this.#queue = new TaskQueue({
      start: (id, task) => this.#post({ kind: "run", id, task }, [task.pixels.buffer]),
    });
    this.#post({ kind: "load", request });
  }

  get card(): ModelCard | undefined {
    return this.#card;
  }

  compute(task: ComputeTask, signal: AbortSignal | undefined): Promise<Outcome<Answer>> {
    return this.#queue.add(task, signal);
  }

  end(error: VitrineError): void {
    this.#worker.terminate();
    this.#settleLoaded.reject(error);
    this.#queue.end(error);
  }

  #post(message: ToModel, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromModel): void {
    if (message.kind === "progress") this.#events.onProgress?.(message.progress);
    else if (message.kind === "kernels") this.#events.onKernels?.(message.progress);
    else if (message.kind === "loaded") {
      this.#card = message.loaded.card;
      this.#settleLoaded.resolve(message.loaded);
    } else if (message.kind === "load-failed") this.#settleLoaded.reject(fromErrorRecord(message.error));
    else if (message.kind === "moved") {
      this.#card = message.card;
      this.#events.onMoved?.(message.card);
    } else if (message.kind === "not-kept") {
      if (this.#card) this.#card = { ...this.#card, download: message.download };
    } else this.#queue.finish(message);
  }
}
