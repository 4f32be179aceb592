// Teacher decisions: what another model answers on every image of a data set, in the classes of the model that is
// validated.

import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { decision } from "../../runtime/inference/logits.js";
import type { Model } from "../../runtime/load-model.js";
import { type StoredModel, withClasses } from "../../runtime/model-files/stored-model.js";
import { teacherOrder } from "../../trainer/core/classes.js";
import type { Decisions } from "./disagreement.js";
import { evaluateModel } from "./evaluate-model.js";

/** The teacher with its classes in the order of `labels`. Throws `training/teacher-classes` where they are others. */
export function inOrderOf(labels: readonly string[], teacher: StoredModel, path: string): StoredModel {
  const order = teacherOrder(labels, teacher.labels, path);
  return order === null ? teacher : withClasses(teacher, order);
}

/** The model's decision on every image of the source. */
export async function decisionsOf(model: Model, source: EvaluationSource): Promise<Decisions> {
  const decisions = new Map<string, number>();
  await evaluateModel(model, source, {}, ({ names, logits: { logits } }) => {
    const width = logits.length / names.length;
    names.forEach((name, place) => {
      decisions.set(name, decision(logits.subarray(place * width, (place + 1) * width)));
    });
  });
  return decisions;
}
