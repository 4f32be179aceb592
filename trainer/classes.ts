// Classes: the class names of a run's outputs, and the output for each class of its data set.

import type { DataDescription } from "../runtime/batches/batch-source.js";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { defaultLabels, matchClasses } from "../runtime/models/labels.js";

export interface RunClasses {
  /** Names in the model's index order. */
  labels: string[];
  /** Class index of the data set → class index of the model. */
  classMap: Int32Array;
}

function ofDataSet({ classes }: DataDescription): RunClasses {
  const fallback = defaultLabels(classes.length);
  const labels = classes.map((name, index) => (name === "" ? fallback[index] : name));
  return { labels, classMap: Int32Array.from(labels, (_, index) => index) };
}

/** The match, or undefined if the names do not identify the same classes. */
function matchByName(classes: readonly string[], labels: readonly string[]): Int32Array | undefined {
  try {
    const { indices, notice } = matchClasses(classes, labels);
    return notice === undefined ? indices : undefined;
  } catch (error) {
    if (isVitrineError(error) && error.code === "data/labels") return undefined;
    throw error;
  }
}

/**
 * The classes of a new run: the checkpoint's, if it has all of the data set's classes (by name, or indices within its
 * range), so that its heads keep their meaning; otherwise the data set's.
 */
export function runClasses(data: DataDescription, startLabels: readonly string[] | null): RunClasses {
  const classMap = startLabels === null ? undefined : matchByName(data.classes, startLabels);
  return classMap === undefined ? ofDataSet(data) : { labels: [...(startLabels ?? [])], classMap };
}

/**
 * The teacher's class index for each of the student's, or null if the order is the same. Throws
 * `training/teacher-classes` unless both have the same classes.
 */
export function teacherOrder(
  labels: readonly string[],
  teacherLabels: readonly string[],
  teacher: string,
): Int32Array | null {
  const count = labels.length;
  if (count === teacherLabels.length && labels.every((label, index) => label === teacherLabels[index]))
    return null;
  const order = count === teacherLabels.length ? matchByName(labels, teacherLabels) : undefined;
  if (order !== undefined && new Set(order).size === count) return order;
  const foreign = labels.find((label) => !teacherLabels.includes(label)) ?? labels[0];
  throw new VitrineError(
    "training/teacher-classes",
    `${quote(teacher)}: the teacher has ${teacherLabels.length} classes, the student ${count}, and they must be the ` +
      `same ("${quote(foreign)}" is not one of the teacher's): give another --teacher`,
    { details: { teacherClasses: teacherLabels.length, classes: count } },
  );
}
