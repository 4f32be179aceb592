// Teacher: a trained model that gets the student's pixels, in evaluation mode and with its own normalization, and
// returns its logits.

import { nodeModelSource } from "../runtime/host/node.js";
import { loadModel } from "../runtime/load-model.js";
import { readModel, withClasses } from "../runtime/model-files/stored-model.js";
import type { Runtime } from "../runtime/runtime.js";
import { teacherOrder } from "./core/classes.js";
import { checkTeacherSize, type Teacher, type TeacherOptions } from "./teacher-contract.js";
import { weightsDigest } from "./weights-digest.js";

/** Throws what `loadModel` throws, `training/teacher-classes` and `training/teacher-size`. */
export async function openTeacher(runtime: Runtime, options: TeacherOptions): Promise<Teacher> {
  const { path, batchSize, labels, classesBy } = options;
  const source = nodeModelSource(path);
  const opened = await readModel(source);
  checkTeacherSize(opened.config.imageSize, options);
  const order = teacherOrder(labels, opened.labels, path, classesBy);
  const ordered = order === null ? opened : withClasses(opened, order);
  const model = await loadModel(runtime, ordered, { batchSizes: [batchSize] });
  return {
    sha256: await weightsDigest(source),
    description: null,
    logits: async (pixels, count) => (await model.logits(pixels, count)).logits,
    onDevice: model.onDevice ?? null,
    dispose: () => model.dispose(),
  };
}
