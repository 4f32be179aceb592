// Mistakes: the most confident wrong answers of a validation, as a page shows them.

import type { MistakesView } from "../../proto/dashboard.js";
import type { EvaluationBatch } from "../../runtime/batches/batch-source.js";
import { decision, type Logits, softmax } from "../../runtime/inference/logits.js";
import { type Mistake, MistakeList } from "../report/mistake-list.js";
import { className } from "../report/names.js";
import type { Predictions, RunHistory } from "../report/reported-run.js";
import { KeptPictures } from "./kept-pictures.js";

/** Mistakes that are kept. */
export const MOST_MISTAKES = 12;

/** The predictions of a run's model on its validation data. `onProgress`: images done, of how many. */
export type FindMistakes = (
  history: RunHistory,
  onProgress: (done: number, total: number) => void,
) => Promise<Predictions>;

export const noMistakes = (reason: string): MistakesView => ({
  number: 0,
  pictures: null,
  done: 0,
  total: 0,
  reason,
  size: 0,
});

/** The mistakes as `pictures` keeps them, under `number`. */
export function mistakesView(
  number: number,
  found: { mistakes: readonly Mistake[]; images: number; size: number; labels: readonly string[] },
  pictures: KeptPictures,
): MistakesView {
  const { mistakes, images, size, labels } = found;
  pictures.keep(
    number,
    size,
    mistakes.map(({ pixels }) => pixels),
  );
  return {
    number,
    done: images,
    total: images,
    reason: "",
    size,
    pictures: mistakes.map(({ file, label, answer, confidence, labelProbability }, place) => ({
      place,
      file,
      label: className(labels, label),
      answer: className(labels, answer),
      confidence,
      labelProbability,
    })),
  };
}

/** Mistakes of the validations of a run in training, each list replaced when the next validation is over. */
export class LiveMistakes {
  readonly #pictures = new KeptPictures();
  #list = new MistakeList(MOST_MISTAKES);
  #images = 0;
  #view = noMistakes("The first validation of this run is not over yet.");

  get view(): MistakesView {
    return this.#view;
  }

  /** `classMap`: class index of the data set → class index of the model. */
  add(batch: EvaluationBatch, { logits }: Logits, classMap: Int32Array): void {
    const { count, labels, names, pixels } = batch;
    const classes = logits.length / count;
    const imageBytes = pixels.length / count;
    this.#images += count;
    for (let place = 0; place < count; place++) {
      const row = logits.subarray(place * classes, (place + 1) * classes);
      const [answer, label] = [decision(row), classMap[labels[place]] ?? -1];
      if (answer === label || answer < 0 || label < 0) continue;
      const probabilities = softmax(row);
      this.#list.add({
        file: names[place],
        label,
        answer,
        confidence: probabilities[answer],
        labelProbability: probabilities[label] ?? 0,
        pixels: pixels.subarray(place * imageBytes, (place + 1) * imageBytes),
      });
    }
  }

  /** The validation is over. */
  end(size: number, labels: readonly string[]): void {
    const found = { mistakes: this.#list.kept, images: this.#images, size, labels };
    this.#view = mistakesView(this.#view.number + 1, found, this.#pictures);
    this.#list = new MistakeList(MOST_MISTAKES);
    this.#images = 0;
  }

  file(number: number, place: number): Promise<Uint8Array | null> {
    return this.#pictures.file(number, place);
  }
}
