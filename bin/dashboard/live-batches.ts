// Live batches: the training batch of this moment, for pages that ask for it. Nothing is copied or computed while nobody
// asks, and what it costs has a limit.

import type { BatchPicture, BatchView, Decision } from "../../proto/dashboard.js";
import { decision, softmax } from "../../runtime/inference/logits.js";
import type { ShownBatch } from "../../trainer/core/show-batch.js";
import { className } from "../report/names.js";
import { KeptPictures } from "./kept-pictures.js";

/** At most one batch in this time. */
const MIN_MS = 1000;
/** A batch costs an evaluation: at most this fraction of the time. */
const MOST_TIME = 0.05;
/** Of a large batch. */
const MOST_PICTURES = 24;

function decisionOf(row: Float32Array, labels: readonly string[]): Decision {
  const index = decision(row);
  return { name: className(labels, index), probability: index < 0 ? 0 : softmax(row)[index] };
}

export class LiveBatches {
  readonly #pictures = new KeptPictures();
  readonly #waiting = new Set<(view: BatchView) => void>();
  readonly #now: () => number;
  #latest: BatchView | null = null;
  #startedAt = 0;
  #notBefore = 0;

  /** `now`: milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the next batch is to be shown; its cost is counted from here. */
  isWanted(): boolean {
    this.#startedAt = this.#now();
    return this.#waiting.size > 0 && this.#startedAt >= this.#notBefore;
  }

  /** `labels`: class names of the model. */
  show({ batch, step, classMap, answers, teacher }: ShownBatch, labels: readonly string[]): void {
    const { size, count, pixels, labels: own, partnerLabels, lambdas, weights, cursor } = batch;
    const imageBytes = 3 * size * size;
    const shown = Math.min(count, MOST_PICTURES);
    const classes = answers.logits.length / count;
    const row = (values: Float32Array, place: number) =>
      values.subarray(place * classes, (place + 1) * classes);
    const name = (label: number) => className(labels, classMap[label] ?? label);
    const pictures = Array.from({ length: shown }, (_, place): BatchPicture => {
      const { classLogits, distillationLogits } = answers;
      return {
        place,
        label: name(own[place]),
        partner: name(partnerLabels[place]),
        lambda: lambdas[place],
        isRead: weights[place] !== 0,
        answers: {
          class: decisionOf(row(classLogits, place), labels),
          distillation: distillationLogits ? decisionOf(row(distillationLogits, place), labels) : null,
          teacher: teacher ? decisionOf(row(teacher, place), labels) : null,
        },
      };
    });
    const number = (this.#latest?.number ?? 0) + 1;
    const kept = pictures.map(({ place }) => pixels.slice(place * imageBytes, (place + 1) * imageBytes));
    this.#pictures.keep(number, size, kept);
    this.#latest = { number, step, ...cursor, size, count, pictures };
    for (const resolve of [...this.#waiting]) resolve(this.#latest);
    const now = this.#now();
    this.#notBefore = this.#startedAt + Math.max(MIN_MS, (now - this.#startedAt) / MOST_TIME);
  }

  /** See `ObservedRun.batch`. */
  next(after: number, signal: AbortSignal): Promise<BatchView | null> {
    const latest = this.#latest;
    if (latest && latest.number > after) return Promise.resolve(latest);
    if (signal.aborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const done = (view: BatchView | null) => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", giveUp);
        resolve(view);
      };
      const giveUp = () => done(null);
      this.#waiting.add(done);
      signal.addEventListener("abort", giveUp);
    });
  }

  file(number: number, place: number): Promise<Uint8Array | null> {
    return this.#pictures.file(number, place);
  }
}
