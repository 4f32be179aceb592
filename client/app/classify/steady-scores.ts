// Steady scores: the classes of the last few frames of a camera. Probabilities are averaged with weights that halve
// about every second frame: a verdict flickers less, and follows within a fraction of a second.

import { type ClassScore, softmax } from "../../../runtime/inference/logits.js";

/** Weight of the newest frame. */
const NEWEST = 0.35;

export class SteadyScores {
  #average: Float64Array | undefined;

  /** Adds a frame's logits [classes]; returns the `count` most probable classes of the average. */
  add(logits: ArrayLike<number>, labels: readonly string[], count: number): ClassScore[] {
    const newest = softmax(logits);
    const before = this.#average?.length === newest.length ? this.#average : newest;
    this.#average = newest.map((value, index) => NEWEST * value + (1 - NEWEST) * (before[index] ?? value));
    return Array.from(this.#average, (probability, index) => ({
      index,
      label: labels[index] ?? `${index}`,
      probability,
    }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, count);
  }

  /** Another model or camera: what was seen before does not count. */
  forget(): void {
    this.#average = undefined;
  }
}
