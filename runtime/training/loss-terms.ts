// Loss terms: the loss of a batch and, of a distilled step, its two terms and how often student and teacher decide alike,
// as sums over its micro-batches in their order: in one process as over several, which then have the same bits.

import type { ProgramOutputs } from "../graph/program.js";
import { decision } from "../inference/logits.js";
import type { BatchLoss, LossSums } from "./contract.js";

/** What the terms of a distilled loss are computed from, beside the outputs of the program. */
export interface DistilledInputs {
  /** [batch]; samples of weight 0 were skipped and count nowhere. */
  sampleWeights: Float32Array;
  /** [batch, classes]. */
  teacherLogits: Float32Array;
}

/** Sums of a micro-batch; `outputs` are those of `accumulateGraph`, `scale` the factor on its distillation loss. */
export function lossSums(outputs: ProgramOutputs, scale: number, distilled?: DistilledInputs): LossSums {
  const sums = { loss: outputs.loss[0], base: 0, distillation: 0, alike: 0, compared: 0 };
  if (!distilled) return sums;
  const { sampleWeights, teacherLogits } = distilled;
  const { base, distillation, classLogits, distillationLogits = classLogits } = outputs;
  const classes = teacherLogits.length / sampleWeights.length;
  const answer = new Float32Array(classes);
  for (const [sample, weight] of sampleWeights.entries()) {
    if (weight === 0) continue;
    sums.base += weight * base[sample];
    sums.distillation += weight * scale * distillation[sample];
    const first = sample * classes;
    for (let i = 0; i < classes; i++)
      answer[i] = 0.5 * classLogits[first + i] + 0.5 * distillationLogits[first + i];
    sums.compared++;
    if (decision(answer) === decision(teacherLogits.subarray(first, first + classes))) sums.alike++;
  }
  return sums;
}

/** The loss of a batch from its micro-batches, added in their order. */
export function batchLoss(pieces: readonly LossSums[], isDistilled: boolean): BatchLoss {
  const total = { loss: 0, base: 0, distillation: 0, alike: 0, compared: 0 };
  for (const piece of pieces)
    for (const key of Object.keys(total) as (keyof LossSums)[]) total[key] += piece[key];
  const { loss, base, distillation, alike, compared } = total;
  if (!isDistilled) return { loss };
  return {
    loss,
    terms: { base, distillation, teacherAgreement: compared === 0 ? 0 : (100 * alike) / compared },
  };
}
