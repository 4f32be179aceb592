// Mistake list: the most confident wrong answers among many, with their pictures.

import type { AttentionMap } from "../../runtime/inference/attention-rollout.js";

export interface Mistake {
  /** File of the picture, as the data set names it. */
  file: string;
  /** Class indices of the model. */
  label: number;
  answer: number;
  /** Probabilities of the answer and of the label, 0 … 1. */
  confidence: number;
  labelProbability: number;
  /** The model's input, uint8 [size, size, 3]. */
  pixels: Uint8Array;
  /** Absent for a model without attention. */
  attention?: AttentionMap;
}

/** Keeps the most confident mistakes, each with a copy of its pixels. */
export class MistakeList {
  readonly kept: Mistake[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  add(mistake: Mistake): void {
    const least = this.kept.at(-1);
    if (this.kept.length === this.#most && least && least.confidence >= mistake.confidence) return;
    const place = this.kept.findIndex(({ confidence }) => confidence < mistake.confidence);
    const copy = { ...mistake, pixels: mistake.pixels.slice() };
    this.kept.splice(place < 0 ? this.kept.length : place, 0, copy);
    if (this.kept.length > this.#most) this.kept.pop();
  }
}
