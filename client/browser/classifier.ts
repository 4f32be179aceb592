// Classifier: a picture's way through the page: read, decoded in one worker, classified in another.

import { VitrineError } from "../../runtime/errors.js";
import { evaluationCrop } from "../../runtime/image/evaluation-crop.js";
import { classScores } from "../../runtime/inference/logits.js";
import type { Classification, Classifier, ClassifyOptions, ModelCard, PictureInput } from "./contract.js";
import type { Decoder } from "./decoder.js";
import type { LoadedModel } from "./messages.js";
import type { ModelStage } from "./model-stage.js";
import { readInput } from "./picture-input.js";

/** Pictures of a list that are in memory at a time: one in each worker, and the next for each. */
const READ_AHEAD = 4;

export class WorkerClassifier implements Classifier {
  readonly #decoder: Decoder;
  readonly #model: ModelStage;
  readonly #loaded: LoadedModel;
  readonly #pixelLimit: number | undefined;
  readonly #disposal = new AbortController();

  constructor(decoder: Decoder, model: ModelStage, loaded: LoadedModel, pixelLimit: number | undefined) {
    this.#decoder = decoder;
    this.#model = model;
    this.#loaded = loaded;
    this.#pixelLimit = pixelLimit;
  }

  get card(): ModelCard {
    return this.#model.card ?? this.#loaded.card;
  }

  classify(picture: PictureInput, options?: ClassifyOptions): Promise<Classification>;
  classify(pictures: readonly PictureInput[], options?: ClassifyOptions): Promise<Classification[]>;
  async classify(
    input: PictureInput | readonly PictureInput[],
    options: ClassifyOptions = {},
  ): Promise<Classification | Classification[]> {
    const { topK = 5 } = options;
    if (!Number.isInteger(topK) || topK < 1)
      throw new VitrineError("usage/number", `topK got ${topK}; allowed: a whole number, at least 1`);
    const control = new AbortController();
    const sources = [this.#disposal.signal, ...(options.signal ? [options.signal as AbortSignal] : [])];
    const stop = () => control.abort(sources.find(({ aborted }) => aborted)?.reason);
    for (const source of sources) source.addEventListener("abort", stop);
    try {
      if (sources.some(({ aborted }) => aborted)) stop();
      if (isList(input)) return await this.#classifyList(input, topK, control);
      return await this.#classifyOne(input, topK, control.signal);
    } finally {
      for (const source of sources) source.removeEventListener("abort", stop);
    }
  }

  dispose(): void {
    const error = new VitrineError("usage/disposed", "the classifier was disposed");
    this.#disposal.abort(error);
    this.#decoder.end(error);
    this.#model.end(error);
  }

  async #classifyList(
    inputs: readonly PictureInput[],
    topK: number,
    control: AbortController,
  ): Promise<Classification[]> {
    const classifications: Classification[] = [];
    const places = inputs.entries();
    const next = async (): Promise<void> => {
      for (const [place, input] of places)
        classifications[place] = await this.#classifyOne(input, topK, control.signal);
    };
    try {
      await Promise.all(Array.from({ length: READ_AHEAD }, next));
    } catch (error) {
      control.abort(error);
      throw error;
    }
    return classifications;
  }

  async #classifyOne(input: PictureInput, topK: number, signal: AbortSignal): Promise<Classification> {
    signal.throwIfAborted();
    const start = performance.now();
    const source = await settledBy(signal, readInput(input, signal));
    const read = performance.now() - start;
    const { transform, card } = this.#loaded;
    const decoded = await this.#decoder.decode({ source, transform, pixelLimit: this.#pixelLimit }, signal);
    const { pixels, picture } = decoded.result;
    const computed = await this.#model.compute({ pixels }, signal);
    const { logits } = computed.result;
    return {
      classes: classScores(logits, card.labels, topK),
      logits: Float32Array.from(logits),
      picture,
      crop: evaluationCrop(picture, transform),
      milliseconds: {
        read,
        decode: decoded.ran,
        queue: decoded.waited + computed.waited,
        model: computed.ran,
      },
    };
  }
}

const isList = (input: PictureInput | readonly PictureInput[]): input is readonly PictureInput[] =>
  Array.isArray(input);

/** The promise, or the signal's reason if that comes first: a file on a slow disk cannot be stopped otherwise. */
export async function settledBy<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (!signal) return promise;
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
