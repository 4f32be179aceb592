// Loss terms: both terms of a distilled step's loss and how often student and teacher decide alike, computed on the
// host from values that the step's program has anyway.

import type { ProgramOutputs } from "../graph/program.js";
import { decision } from "../inference/logits.js";
import type { LossTerms } from "./contract.js";

/** Sums over the micro-batches of a step. */
export class LossTermSums {
  readonly #scale: number;
  #base = 0;
  #distillation = 0;
  #alike = 0;
  #counted = 0;

  /** `scale`: the factor on the program's distillation loss. */
  constructor(scale: number) {
    this.#scale = scale;
  }

  /**
   * Adds a micro-batch: `outputs` are those of `accumulateGraph` with distillation, `sampleWeights` [batch] and
   * `teacherLogits` [batch, classes] its inputs. Samples of weight 0 were skipped and count nowhere.
   */
  add(outputs: ProgramOutputs, sampleWeights: Float32Array, teacherLogits: Float32Array): void {
    const { base, distillation, classLogits, distillationLogits = classLogits } = outputs;
    const classes = teacherLogits.length / sampleWeights.length;
    const answer = new Float32Array(classes);
    for (const [sample, weight] of sampleWeights.entries()) {
      if (weight === 0) continue;
      this.#base += weight * base[sample];
      this.#distillation += weight * this.#scale * distillation[sample];
      const first = sample * classes;
      for (let i = 0; i < classes; i++)
        answer[i] = 0.5 * classLogits[first + i] + 0.5 * distillationLogits[first + i];
      this.#counted++;
      if (decision(answer) === decision(teacherLogits.subarray(first, first + classes))) this.#alike++;
    }
  }

  terms(): LossTerms {
    const teacherAgreement = this.#counted === 0 ? 0 : (100 * this.#alike) / this.#counted;
    return { base: this.#base, distillation: this.#distillation, teacherAgreement };
  }
}
