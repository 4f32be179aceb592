// Class scores: what a model answered over a data set, in total and per class, and which classes it confuses.

import { decision } from "../runtime/inference/logits.js";
import { judge } from "./core/validation.js";

/** Images and right answers: of a class, or of a data set. */
export interface Counts {
  images: number;
  top1: number;
  top5: number;
}

/** A class that images of another class were taken for. */
export interface Confusion {
  /** Class index of the data set. */
  label: number;
  /** Class index of the model. */
  answer: number;
  images: number;
}

/** What one image contributed. */
export interface Judgment {
  /** Class index of the model: the largest logit, of equal ones the lower index; −1 where all are NaN. */
  answer: number;
  isTop1: boolean;
}

/** Counts one image after the other. Memory grows with the pairs of classes that were confused, not with images. */
export class ClassScores {
  readonly total: Counts = { images: 0, top1: 0, top5: 0 };
  /** By class index of the data set. */
  readonly classes: readonly Counts[];
  /** Images whose list of valid classes was empty: judged by nothing, counted nowhere. */
  unlabeled = 0;
  #loss = 0;
  readonly #classMap: Int32Array;
  /** label · 2²⁰ + answer → images; a class index is below 2²⁰ in every data set. */
  readonly #confusions = new Map<number, number>();

  /** `classMap`: class index of the data set → class index of the model. */
  constructor(classMap: Int32Array) {
    this.#classMap = classMap;
    this.classes = Array.from(classMap, () => ({ images: 0, top1: 0, top5: 0 }));
  }

  /** Mean of −log softmax(label). NaN before the first image. */
  get loss(): number {
    return this.#loss / this.total.images;
  }

  /**
   * `row`: an image's logits [classes of the model]; `label`: its class in the data set. With `valid`, an answer is
   * right if it is one of these classes of the model, as ImageNet-ReaL counts; null where the list is empty.
   */
  add(row: Float32Array, label: number, valid?: readonly number[]): Judgment | null {
    if (valid?.length === 0) {
      this.unlabeled++;
      return null;
    }
    const own = this.#classMap[label] ?? -1;
    const { beatenBy, loss } = judge(row, own);
    const rank = valid ? Math.min(...valid.map((index) => judge(row, index).beatenBy)) : beatenBy;
    const answer = decision(row);
    for (const counts of [this.total, this.classes[label]]) {
      if (!counts) continue;
      counts.images++;
      if (rank < 1) counts.top1++;
      if (rank < 5) counts.top5++;
    }
    this.#loss += loss;
    const key = label * 2 ** 20 + answer;
    if (answer >= 0 && answer !== own) this.#confusions.set(key, (this.#confusions.get(key) ?? 0) + 1);
    return { answer, isTop1: rank < 1 };
  }

  /** Every confused pair, the most frequent first, then by class index. */
  confusions(): Confusion[] {
    return Array.from(this.#confusions, ([key, images]) => ({
      label: Math.floor(key / 2 ** 20),
      answer: key % 2 ** 20,
      images,
    })).sort((a, b) => b.images - a.images || a.label - b.label || a.answer - b.answer);
  }
}
