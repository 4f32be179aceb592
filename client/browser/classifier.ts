// Classifier: a picture's way through the page: read, decoded in one worker, classified in another.

import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { evaluationCrop, inputArea } from "../../runtime/image/evaluation-crop.js";
import { decision, softmax } from "../../runtime/inference/logits.js";
import { classificationOf } from "./classification.js";
import { type CheckedOptions, checkClassifyOptions } from "./classify-options.js";
import type {
  Classification,
  Classifier,
  ClassifyOptions,
  ModelCard,
  Occlusion,
  PictureInput,
} from "./contract.js";
import type { Decoder } from "./decoder.js";
import { cellOf, hideAreas, toInput } from "./hide-areas.js";
import type { LoadedModel } from "./messages.js";
import type { ModelStage } from "./model-stage.js";
import { readInput } from "./picture-input.js";

/** Pictures of a list that are in memory at a time: one in each worker, and the next for each. */
const READ_AHEAD = 4;

/** A picture's error with its place in the list; any other error, such as a signal's reason, as it is. */
function ofPlace(error: unknown, index: number): unknown {
  if (!isVitrineError(error)) return error;
  const { code, message, details } = error;
  return new VitrineError(code, message, { details: { ...details, index }, cause: error });
}

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
    decoder.prepareSpare("idle");
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
    const checked = checkClassifyOptions(options, this.card);
    const control = new AbortController();
    const sources = [this.#disposal.signal, ...(options.signal ? [options.signal as AbortSignal] : [])];
    const stop = () => control.abort(sources.find(({ aborted }) => aborted)?.reason);
    for (const source of sources) source.addEventListener("abort", stop);
    try {
      if (sources.some(({ aborted }) => aborted)) stop();
      if (isList(input)) return await this.#classifyList(input, checked, control);
      return await this.#classifyOne(input, checked, control.signal);
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
    options: CheckedOptions,
    control: AbortController,
  ): Promise<Classification[]> {
    const classifications: Classification[] = [];
    const places = inputs.entries();
    const next = async (): Promise<void> => {
      for (const [place, input] of places)
        classifications[place] = await this.#classifyOne(input, options, control.signal).catch((error) => {
          throw control.signal.aborted ? error : ofPlace(error, place);
        });
    };
    try {
      await Promise.all(Array.from({ length: READ_AHEAD }, next));
    } catch (error) {
      control.abort(error);
      throw error;
    }
    return classifications;
  }

  async #classifyOne(
    input: PictureInput,
    options: CheckedOptions,
    signal: AbortSignal,
  ): Promise<Classification> {
    signal.throwIfAborted();
    const start = performance.now();
    const source = await settledBy(signal, readInput(input, signal));
    const read = performance.now() - start;
    const { transform, card, fill } = this.#loaded;
    const decoded = await this.#decoder.decode({ source, transform, pixelLimit: this.#pixelLimit }, signal);
    const { picture } = decoded.result;
    const seen = evaluationCrop(picture, transform);
    const areas = options.without.map((area) => toInput(area, seen));
    const pixels = hideAreas(decoded.result.pixels, transform.size, areas, fill);
    const extra = { attention: options.attention, embeddings: options.embeddings };
    // An input moves to the model's worker: occlusion needs it again.
    const kept = options.occlusion && pixels.slice();
    const computed = await this.#model.compute({ pixels, extra }, signal);
    const answer = computed.result;
    this.#decoder.prepareSpare("answer");
    const classification: Classification = {
      ...classificationOf(answer, card, options),
      picture,
      crop: seen.crop,
      input: inputArea(seen, transform.size),
      milliseconds: {
        read,
        decode: decoded.ran,
        queue: decoded.waited + computed.waited,
        model: computed.ran,
      },
    };
    if (options.occlusion && kept) {
      const { index = decision(answer.logits), steps } = options.occlusion;
      const shown = { index, steps, probability: softmax(answer.logits)[index] };
      classification.occlusion = await this.#occlude(kept, shown, signal);
    }
    return classification;
  }

  /** `shown`: the class's probability with the whole input. */
  async #occlude(
    pixels: Uint8Array,
    { index, steps, probability }: { index: number; steps: number; probability: number },
    signal: AbortSignal,
  ): Promise<Occlusion> {
    const { transform, fill } = this.#loaded;
    const drops = new Float32Array(steps * steps);
    for (let place = 0; place < drops.length; place++) {
      const hidden = hideAreas(pixels, transform.size, [cellOf(place, steps, transform.size)], fill);
      const { result } = await this.#model.compute({ pixels: hidden, extra: {} }, signal);
      drops[place] = probability - softmax(result.logits)[index];
    }
    return { index, steps, drops };
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
