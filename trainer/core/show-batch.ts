// Show batch: what the model and its teacher say about a training batch before its step, for someone who follows the run.

import type { Batch } from "../../runtime/batches/batch-source.js";
import type { TrainingInputs } from "../../runtime/training/contract.js";
import type { TrainingRun } from "./run.js";

/** An evaluation changes no weight and draws nothing, so that a run does not depend on whether it is followed. */
export async function showBatch(
  { training, objective, observer }: TrainingRun,
  batch: Batch,
  { teacherLogits }: TrainingInputs,
  step: number,
): Promise<void> {
  const answers = await training.evaluate(batch.pixels, batch.count, "weights");
  const teacher = teacherLogits === undefined ? null : await onHost(teacherLogits);
  observer?.shows({ batch, step, classMap: objective.classMap, answers, teacher });
}

/** Logits of a batch, from the device where they are there. */
async function onHost(logits: NonNullable<TrainingInputs["teacherLogits"]>): Promise<Float32Array> {
  if (logits instanceof Float32Array) return logits;
  const parts = await Promise.all(logits.map((part) => part.read()));
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
