// Show batch: what the model and its teacher say about a training batch before its step, for someone who follows the run.

import type { Batch } from "../../runtime/batches/batch-source.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type { Training, TrainingInputs } from "../../runtime/training/contract.js";

/** A training batch before its step, with the answers to it. Valid until the call that passes it returns. */
export interface ShownBatch {
  batch: Batch;
  /** Number of the step that it is for, from 1. */
  step: number;
  /** Class index of the data set → class index of the model. */
  classMap: Int32Array;
  /** The model's answers before the step, without stochastic depth. */
  answers: Logits;
  /** Teacher's logits [count, classes]; null without a teacher. */
  teacher: Float32Array | null;
}

interface FollowedRun {
  training: Training;
  objective: Pick<ShownBatch, "classMap">;
  observer?: { shows(batch: ShownBatch): void } | undefined;
}

/** An evaluation changes no weight and draws nothing, so that a run does not depend on whether it is followed. */
export async function showBatch(
  { training, objective, observer }: FollowedRun,
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
