// Teacher: a finished model that looks at the same pixels as the student, in evaluation mode and with its own
// normalisation, and answers with its logits.

import { createHash } from "node:crypto";
import type { Runtime } from "../runtime/create-runtime.js";
import { VitrineError } from "../runtime/errors.js";
import { WEIGHTS_FILE } from "../runtime/host/model-source.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { loadModel, type Model } from "../runtime/load-model.js";
import { teacherOrder } from "./classes.js";
import type { TeacherLogits } from "./objective.js";

export interface Teacher {
  logits: TeacherLogits;
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

function checkSize({ config }: Model, { path, imageSize }: TeacherOptions): void {
  if (config.imageSize === imageSize) return;
  throw new VitrineError(
    "training/teacher-size",
    `${path}: the teacher sees ${config.imageSize}×${config.imageSize} pixels, the student ${imageSize}×${imageSize}: ` +
      "give another --teacher or --model",
    { details: { teacherSize: config.imageSize, imageSize } },
  );
}

/** Logits [count, classes] with their columns in the student's order. */
function reorder(logits: Float32Array, order: Int32Array): Float32Array {
  const classes = order.length;
  return logits.map((_, i) => {
    const row = i - (i % classes);
    return logits[row + (order[i % classes] as number)] as number;
  });
}

/** Throws what `loadModel` throws, `training/teacher-classes` and `training/teacher-size`. */
export async function openTeacher(runtime: Runtime, options: TeacherOptions): Promise<Teacher> {
  const { path, batchSize, labels } = options;
  const model = await loadModel(runtime, nodeModelSource(path), { batchSizes: [batchSize] });
  checkSize(model, options);
  const order = teacherOrder(labels, model.labels, path);
  return {
    sha256: await weightsDigest(path),
    logits: async (pixels, count) => {
      const { logits } = await model.logits(pixels, count);
      return order === null ? logits : reorder(logits, order);
    },
    dispose: () => model.dispose(),
  };
}
