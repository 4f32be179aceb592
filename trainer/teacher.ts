// Teacher: a trained model that gets the student's pixels, in evaluation mode and with its own normalization, and
// returns its logits.

import { createHash } from "node:crypto";
import { quote, VitrineError } from "../runtime/errors.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { loadModel } from "../runtime/load-model.js";
import {
  readModel,
  readWeights,
  type StoredModel,
  withClasses,
} from "../runtime/model-files/stored-model.js";
import type { ClassOrder } from "../runtime/models/labels.js";
import type { Runtime } from "../runtime/runtime.js";
import { teacherOrder } from "./classes.js";
import type { TeacherLogits } from "./objective.js";

export interface Teacher {
  logits(pixels: Uint8Array, count: number): Promise<Float32Array>;
  /** The same logits, left on the device, an array per micro-batch; null on the CPU. */
  onDevice: TeacherLogits | null;
  /** Digest of the weights file: a resumed run must have the same teacher. */
  sha256: string;
  dispose(): void;
}

export interface TeacherOptions {
  path: string;
  /** Images computed at once; larger batches are split and computed sequentially. */
  batchSize: number;
  /** Class names of the student. */
  labels: readonly string[];
  /** How they find the teacher's. Default "name". */
  classesBy?: ClassOrder;
  imageSize: number;
}

async function weightsDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for (const bytes of (await readWeights(nodeModelSource(path))).values()) hash.update(bytes);
  return hash.digest("hex");
}

function checkSize({ config }: StoredModel, { path, imageSize }: TeacherOptions): void {
  if (config.imageSize === imageSize) return;
  throw new VitrineError(
    "training/teacher-size",
    `${quote(path)}: the teacher takes ${config.imageSize}×${config.imageSize} pixels, the student ` +
      `${imageSize}×${imageSize}: train with --input-size ${config.imageSize}, or give another --teacher`,
    { details: { teacherSize: config.imageSize, imageSize } },
  );
}

/** Throws what `loadModel` throws, `training/teacher-classes` and `training/teacher-size`. */
export async function openTeacher(runtime: Runtime, options: TeacherOptions): Promise<Teacher> {
  const { path, batchSize, labels, classesBy } = options;
  const opened = await readModel(nodeModelSource(path));
  checkSize(opened, options);
  const order = teacherOrder(labels, opened.labels, path, classesBy);
  const ordered = order === null ? opened : withClasses(opened, order);
  const model = await loadModel(runtime, ordered, { batchSizes: [batchSize] });
  return {
    sha256: await weightsDigest(path),
    logits: async (pixels, count) => (await model.logits(pixels, count)).logits,
    onDevice: model.onDevice ?? null,
    dispose: () => model.dispose(),
  };
}
