// Class counts: what a data set's classes look like, in words, and what is probably wrong with them. A data server and
// a trainer print the same lines.

import { quote } from "../errors.js";
import type { DataDescription } from "./batch-source.js";

/** What the lines are made of; `counts` is absent where a data server does not send it. */
export type DescribedClasses = Pick<DataDescription, "classes" | "counts" | "samples">;

/** Names printed before "… N more". */
const MOST_NAMES = 6;
/** A class with this many times the images of another is worth a warning. */
const IMBALANCE = 10;
/** Names of splits: class folders of these names are the folders of classes, one level too high. */
const SPLITS = /^(train|training|val|valid|validation|test|testing|eval)$/i;
/** Folders that archives leave beside the images. */
const ARCHIVE_FOLDERS = /^(__MACOSX|\$RECYCLE\.BIN|lost\+found)$/;

/** `1 class`, `2 classes`. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A sentence about files that are left out, with their endings; undefined where there are none. */
export function describeOtherFiles(count: number, kinds: string): string | undefined {
  if (count === 0) return undefined;
  return count === 1
    ? `1 file is no picture in a class folder and is left out (${kinds})`
    : `${count.toLocaleString("en")} files are no pictures in a class folder and are left out (${kinds})`;
}

const shown = (name: string, index: number): string => (name === "" ? `class ${index}` : quote(name));

/** `3 classes: ants (120), bees (98), flies (40)`: at most six by name, then the range of their counts. */
export function describeClasses({ classes, counts }: DescribedClasses): string {
  const names = classes.slice(0, MOST_NAMES).map((name, index) => {
    const count = counts === undefined ? "" : ` (${counts[index].toLocaleString("en")})`;
    return shown(name, index) + count;
  });
  const more = classes.length - names.length;
  const range = more > 0 && counts !== undefined ? `; ${rangeOf(counts)} per class` : "";
  const rest = more > 0 ? `, … ${more.toLocaleString("en")} more${range}` : "";
  return `${counted(classes.length, "class", "classes")}: ${names.join(", ")}${rest}`;
}

const least = (counts: readonly number[]): number => counts.reduce((a, b) => Math.min(a, b));
const most = (counts: readonly number[]): number => counts.reduce((a, b) => Math.max(a, b));

/** `12 to 40 images`; `12 images` where all are equal. */
function rangeOf(counts: readonly number[]): string {
  const [few, many] = [least(counts), most(counts)];
  return (few === many ? "" : `${few.toLocaleString("en")} to `) + counted(many, "image", "images");
}

/** `"a", "b" and 3 more` */
function listed(indices: readonly number[], classes: readonly string[]): string {
  const names = indices.slice(0, 3).map((index) => `"${shown(classes[index], index)}"`);
  return (
    names.join(", ") + (indices.length > names.length ? ` and ${indices.length - names.length} more` : "")
  );
}

function emptyClasses({ classes, counts = [] }: DescribedClasses): string | undefined {
  const empty = classes.flatMap((_, index) => (counts[index] === 0 ? [index] : []));
  if (empty.length === 0) return undefined;
  const remedy =
    classes[empty[0]] === "" ? "class indices of a list count from 0" : "add images, or remove the folder";
  const verb = empty.length === 1 ? "has" : "have";
  return `${listed(empty, classes)} ${verb} no images, yet a place in the model's output: ${remedy}`;
}

function imbalance({ classes, counts = [] }: DescribedClasses): string | undefined {
  const present = counts.filter((count) => count > 0);
  if (present.length < 2) return undefined;
  const [few, many] = [least(present), most(present)];
  if (many <= IMBALANCE * few) return undefined;
  const name = (count: number) => listed([counts.indexOf(count)], classes);
  return (
    `${name(many)} has ${counted(many, "image", "images")}, ${name(few)} ${few.toLocaleString("en")}: ` +
    `${Math.round(many / few)} times as many; the model will prefer the larger class`
  );
}

/** Sentences about what is probably a mistake; none for a data set as it should be. */
export function classWarnings(described: DescribedClasses): string[] {
  const { classes } = described;
  const indicesOf = (pattern: RegExp) =>
    classes.flatMap((name, index) => (pattern.test(name) ? [index] : []));
  const splits = indicesOf(SPLITS);
  const archive = indicesOf(ARCHIVE_FOLDERS);
  const warnings = [
    classes.length === 1
      ? "the data set has only one class: there is nothing to tell apart, and the loss is 0"
      : undefined,
    splits.length > 0
      ? `${listed(splits, classes)}: taken as class names, but they look like the parts of a data set: ` +
        `give the folder that contains the class folders, such as ${quote(classes[splits[0]])}/`
      : undefined,
    archive.length > 0
      ? `${listed(archive, classes)} is a folder that an archive program made, taken as a class: remove it`
      : undefined,
    emptyClasses(described),
    imbalance(described),
  ];
  return warnings.filter((warning) => warning !== undefined);
}
