// Classes: the data set decides how many a run has and their names. A checkpoint's head is kept where it has all of
// them, row by row, and otherwise newly initialized.

import type { DataDescription } from "../../runtime/batches/batch-source.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { areNumbered, type ClassOrder, findClasses, numberedLabels } from "../../runtime/models/labels.js";

export interface RunClasses {
  /** Names in the data set's index order, which is the model's. */
  labels: string[];
  /** For each class the row of the checkpoint's heads that it keeps; null where the heads are new. */
  headRows: Int32Array | null;
  /** What became of the checkpoint's heads, for people; null where there is no checkpoint. */
  notice: string | null;
}

const identity = (count: number): Int32Array => Int32Array.from({ length: count }, (_, index) => index);

function keepByIndex(classes: readonly string[], checkpoint: readonly string[], named: boolean): RunClasses {
  const count = classes.length;
  if (count !== checkpoint.length)
    throw new VitrineError(
      "usage/training",
      `--keep-head: the data set has ${counted(count, "class", "classes")}, the checkpoint ${checkpoint.length}: ` +
        "leave --keep-head out, and rows are kept by name or the head is new",
      { details: { classes: count, checkpointClasses: checkpoint.length } },
    );
  const labels = named ? [...classes] : [...checkpoint];
  const pairs = labels.slice(0, 3).map((name, index) => `"${quote(name)}" was "${quote(checkpoint[index])}"`);
  return {
    labels,
    headRows: identity(count),
    notice: `head: kept by index, as --keep-head asks (${pairs.join(", ")}${count > 3 ? ", …" : ""})`,
  };
}

function keptNotice(rows: Int32Array, checkpointClasses: number): string {
  const count = counted(rows.length, "class", "classes");
  if (rows.length < checkpointClasses)
    return `head: kept the rows of ${count}, found by name among the checkpoint's ${checkpointClasses}`;
  return rows.every((row, index) => row === index)
    ? `head: kept; the checkpoint has the same ${count}`
    : `head: kept and reordered; the checkpoint has the same ${count} in another order`;
}

function renewedNotice(classes: readonly string[], checkpoint: readonly string[], lost: string[]): string {
  const count = counted(classes.length, "class", "classes");
  const reason =
    lost.length === 0
      ? `the data set has no class names to compare with the checkpoint's ${checkpoint.length}`
      : `"${quote(lost[0])}"${lost.length > 1 ? ` and ${lost.length - 1} more` : ""} ` +
        `${lost.length > 1 ? "are" : "is"} not among the checkpoint's ${checkpoint.length}`;
  const remedy = classes.length === checkpoint.length ? "; --keep-head keeps its rows by index" : "";
  return `head: newly initialized for ${count}; ${reason}${remedy}`;
}

/**
 * The classes of a new run. `checkpoint`: the names of --init's classes, or null. A data set that gives only indices
 * has no names to compare: its heads are new. Throws `usage/training` for `keepHead` with another number of classes.
 */
export function runClasses(
  { classes }: DataDescription,
  checkpoint: readonly string[] | null,
  keepHead = false,
): RunClasses {
  const named = classes.some((name) => name !== "");
  const fallback = numberedLabels(classes.length);
  const labels = classes.map((name, index) => (name === "" ? fallback[index] : name));
  if (checkpoint === null) return { labels, headRows: null, notice: null };
  if (keepHead) return keepByIndex(labels, checkpoint, named);
  const found = named ? findClasses(labels, checkpoint) : [];
  const lost = labels.filter((_, index) => named && found[index] === undefined);
  if (!named || lost.length > 0)
    return { labels, headRows: null, notice: renewedNotice(labels, checkpoint, lost) };
  const headRows = Int32Array.from(found as number[]);
  return { labels, headRows, notice: keptNotice(headRows, checkpoint.length) };
}

/**
 * The teacher's class index for each of the student's, or null if the order is the same. `by` "index" takes the
 * teacher's order as the student's. Throws `training/teacher-classes` unless both have the same classes.
 */
export function teacherOrder(
  labels: readonly string[],
  teacherLabels: readonly string[],
  teacher: string,
  by: ClassOrder = "name",
): Int32Array | null {
  const count = labels.length;
  const sameCount = count === teacherLabels.length;
  if (sameCount && (by === "index" || labels.every((label, index) => label === teacherLabels[index])))
    return null;
  const order = sameCount && by === "name" ? findClasses(labels, teacherLabels) : [undefined];
  if (!order.includes(undefined)) return Int32Array.from(order as number[]);
  const [own, its] = [count, teacherLabels.length].map((classes) => counted(classes, "class", "classes"));
  throw new VitrineError(
    "training/teacher-classes",
    `${quote(teacher)}: the teacher has ${its}, the student ${own}, and they must be the same ` +
      whyNot(labels, teacherLabels, by),
    { details: { teacherClasses: teacherLabels.length, classes: count } },
  );
}

function whyNot(labels: readonly string[], teacherLabels: readonly string[], by: ClassOrder): string {
  if (by === "index") return "for --teacher-classes index: give another --teacher";
  if (!areNumbered(teacherLabels)) {
    const foreign = labels.find((label) => !teacherLabels.includes(label)) ?? labels[0];
    return `("${quote(foreign)}" is not one of the teacher's): give another --teacher`;
  }
  const byIndex =
    labels.length === teacherLabels.length
      ? ", or give --teacher-classes index if they are the student's in the same order"
      : "";
  return (
    "(the teacher's files have no class names): write id2label into a config.json beside its weights" +
    `${byIndex}, or give another --teacher`
  );
}
