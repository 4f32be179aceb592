// Teacher contract: what a run needs of its teacher, whether its files are here or a server answers for them.

import { quote, VitrineError } from "../runtime/errors.js";
import type { ClassOrder } from "../runtime/models/labels.js";
import type { TeacherLogits } from "./core/objective.js";

export interface Teacher {
  logits(pixels: Uint8Array, count: number): Promise<Float32Array>;
  /** The same logits, left on the device, an array per micro-batch; null on the CPU. */
  onDevice: TeacherLogits | null;
  /** Digest of the weights file: a resumed run must have the same teacher. */
  sha256: string;
  /** A line for people; null where the settings say everything. */
  description: string | null;
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

/** Throws `training/teacher-size`. */
export function checkTeacherSize(
  teacherSize: number,
  { path, imageSize }: Pick<TeacherOptions, "path" | "imageSize">,
): void {
  if (teacherSize === imageSize) return;
  throw new VitrineError(
    "training/teacher-size",
    `${quote(path)}: the teacher takes ${teacherSize}×${teacherSize} pixels, the student ` +
      `${imageSize}×${imageSize}: train with --input-size ${teacherSize}, or give another --teacher`,
    { details: { teacherSize, imageSize } },
  );
}
