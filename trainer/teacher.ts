// Teacher: a finished model that looks at the same pixels as the student, in evaluation mode and with its own
// normalization, and answers with its logits.

import { createHash } from "node:crypto";
import { VitrineError } from "../runtime/errors.js";
import { WEIGHTS_FILE } from "../runtime/host/host.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { loadModel } from "../runtime/load-model.js";
import { inClassOrder, readModel, type StoredModel } from "../runtime/model-files/stored-model.js";
import type { Runtime } from "../runtime/runtime.js";
import { teacherOrder } from "./classes.js";
import type { TeacherLogits } from "./objective.js";

export interface Teacher {
  logits(pixels: Uint8Array, count: number): Promise<Float32Array>;
  /** The same logits where they were computed, an array for each piece of a batch; null on the processor. */
  onDevice: TeacherLogits | null;
  /** Of the weights file: a resumed run must have the same teacher. */
  sha256: string;
  dispose(): void;
}

export interface TeacherOptions {
  path: string;
  /** Images that are computed at once; more go through one after the other. */
  batchSize: number;
  /** The student's. */
  labels: readonly string[];
  imageSize: number;
}

async function weightsDigest(path: string): Promise<string> {
  const bytes = await nodeModelSource(path).read(WEIGHTS_FILE);
  return createHash("sha256")
    .update(bytes ?? new Uint8Array())
    .digest("hex");
}

function checkSize({ config }: StoredModel, { path, imageSize }: TeacherOptions): void {
  if (config.imageSize === imageSize) return;
  throw new VitrineError(
    "training/teacher-size",
    `${path}: the teacher sees ${config.imageSize}×${config.imageSize} pixels, the student ${imageSize}×${imageSize}: ` +
      "give another --teacher or --model",
    { details: { teacherSize: config.imageSize, imageSize } },
  );
}

/** Throws what `loadModel` throws, `training/teacher-classes` and `training/teacher-size`. */
export async function openTeacher(runtime: Runtime, options: TeacherOptions): Promise<Teacher> {
  const { path, batchSize, labels } = options;
  const opened = await readModel(nodeModelSource(path));
  checkSize(opened, options);
  const order = teacherOrder(labels, opened.labels, path);
  const ordered = order === null ? opened : inClassOrder(opened, order);
  const model = await loadModel(runtime, ordered, { batchSizes: [batchSize] });
  return {
    sha256: await weightsDigest(path),
    logits: async (pixels, count) => (await model.logits(pixels, count)).logits,
    onDevice: model.onDevice ?? null,
    dispose: () => model.dispose(),
  };
}
