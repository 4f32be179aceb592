// Disagreement: how often two classifiers decide differently, among the labels, a teacher, and a model with its heads:
// table 4 of DeiT (arXiv 2012.12877).

import { decision, type Logits } from "../../runtime/inference/logits.js";

/** The table; `fractions[i][j]`: fraction of the images, 0 to 1, on which i and j decide differently. */
export interface Disagreement {
  /** `labels`, `teacher`, `class` and `distillation` where the model has both heads, `model`. */
  classifiers: string[];
  fractions: number[][];
  images: number;
}

/** File of the data set → class of the model that is being validated. */
export type Decisions = ReadonlyMap<string, number>;

/** Counts one image after the other. */
export class DisagreementCounts {
  readonly #teacher: Decisions;
  #classifiers: string[] = [];
  #differing: number[][] = [];
  #images = 0;

  constructor(teacher: Decisions) {
    this.#teacher = teacher;
  }

  /** An image: its file, its class of the model, and the rows of every head's logits. */
  add(name: string, label: number, { logits, classLogits, distillationLogits }: Logits): void {
    const teacher = this.#teacher.get(name);
    if (teacher === undefined) return;
    const heads = distillationLogits && {
      class: decision(classLogits),
      distillation: decision(distillationLogits),
    };
    this.#count({ labels: label, teacher, ...heads, model: decision(logits) });
  }

  #count(decided: Readonly<Record<string, number>>): void {
    const all = Object.values(decided);
    if (this.#images++ === 0) {
      this.#classifiers = Object.keys(decided);
      this.#differing = all.map(() => all.map(() => 0));
    }
    for (const [i, a] of all.entries())
      for (const [j, b] of all.entries()) if (a !== b) this.#differing[i][j]++;
  }

  table(): Disagreement {
    const fractions = this.#differing.map((row) => row.map((count) => count / this.#images));
    return { classifiers: this.#classifiers, fractions, images: this.#images };
  }
}
