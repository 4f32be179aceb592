// Labels: the names of a model's classes, and how a data set's class names find them.

import { quote, VitrineError } from "../errors.js";
import { IMAGENET_LABELS, IMAGENET_SYNSETS } from "./imagenet-labels.js";

/** Characters of a class name: ImageNet's longest has 131 with all its synonyms, a folder's name at most 255. */
export const LONGEST_LABEL = 1000;

const numbered = (index: number): string => `class ${index}`;

/** "class 0", "class 1" …: names of classes that are known only by their index. */
export function numberedLabels(classes: number): string[] {
  return Array.from({ length: classes }, (_, index) => numbered(index));
}

/** Whether these are the names of classes that are known only by their index. */
export function areNumbered(labels: readonly string[]): boolean {
  return labels.every((label, index) => label === numbered(index));
}

/** Names for a model whose files have none: ImageNet's for 1,000 classes, else numbered ones. */
export function defaultLabels(classes: number): string[] {
  return classes === IMAGENET_LABELS.length ? [...IMAGENET_LABELS] : numberedLabels(classes);
}

/** How a data set's classes find a model's: by name, or class i of the data set is class i of the model. */
export type ClassOrder = "name" | "index";

/** Maps the classes of a data set to those of a model. */
export interface ClassMatch {
  /** Class index in the data set → class index of the model. */
  indices: Int32Array;
  /** A sentence for the user where names did not decide. */
  notice?: string;
}

/** Codes that move a terminal's cursor or end a line. */
const CONTROL = /\p{Cc}+/gu;

/** Class names come from files of anyone's and are printed as they are: control characters become spaces. */
export function printable(name: string): string {
  return name.replace(CONTROL, " ");
}

/** "Great_White  shark" and "great white shark" are one name. */
function normalize(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ")
    .trim();
}

/** All names of a label: the whole, its parts ("tench, Tinca tinca"), and the synset id of an ImageNet class. */
function namesOf(label: string, index: number, isImagenet: boolean): string[] {
  const parts = label.split(",");
  return [label, ...parts, ...(isImagenet ? [IMAGENET_SYNSETS[index]] : [])].map(normalize);
}

/** Name → class index; null for a name that two classes have (ImageNet has two cranes). */
function indexOfNames(
  labels: readonly string[],
  namesAt: (label: string, index: number) => readonly string[],
): Map<string, number | null> {
  const known = new Map<string, number | null>();
  labels.forEach((label, index) => {
    for (const name of new Set(namesAt(label, index))) known.set(name, known.has(name) ? null : index);
  });
  return known;
}

/**
 * The model's class for each name of a data set; undefined where there is none, or where two names share one. Exact
 * names win (control characters count as spaces): only labels that none of them takes are found regardless of case and separators, by a part or by synset.
 */
export function findClasses(
  givenClasses: readonly string[],
  givenLabels: readonly string[],
): (number | undefined)[] {
  // A folder's name has control characters, and the label that was written for it and read again has none.
  const [classes, labels] = [givenClasses.map(printable), givenLabels.map(printable)];
  const exact = indexOfNames(labels, (label) => [label]);
  const first = classes.map((name) => exact.get(name));
  const taken = new Set(first);
  const isImagenet = labels.length === IMAGENET_LABELS.length && labels[0]?.startsWith("tench") === true;
  const rest = indexOfNames(labels, (label, index) =>
    taken.has(index) ? [] : namesOf(label, index, isImagenet),
  );
  const found = classes.map((name, index) => first[index] ?? rest.get(normalize(name)));
  const askedFor = new Map<number | null | undefined, number>();
  for (const label of found) askedFor.set(label, (askedFor.get(label) ?? 0) + 1);
  return found.map((label) => (typeof label === "number" && askedFor.get(label) === 1 ? label : undefined));
}

/** `"a", "b", "c" and 7 more` */
function quoted(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).map((name) => `"${quote(name)}"`);
  return shown.join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");
}

function tooMany(classes: number, modelClasses: number): VitrineError {
  const text =
    `the data set has class indices up to ${classes - 1}, the model only ${modelClasses} classes ` +
    "(take another --model, or other labels in --data)";
  return new VitrineError("data/labels", text, { details: { classes, modelClasses } });
}

function notFound(
  classes: readonly string[],
  labels: readonly string[],
  lost: readonly string[],
): VitrineError {
  const some = lost.length < classes.length;
  const text = some
    ? `${classes.length - lost.length} of ${classes.length} class names of the data set are labels of the model; ` +
      `not found, or not unique: ${quoted(lost, 5)} (rename the folders, or give class indices in a CSV list)`
    : `no class name of the data set is a label of the model: ${quoted(lost, 3)}; the model has ` +
      `${quoted(labels, 3)} (rename the folders; if both have the same classes in the same order, --classes-by index)`;
  return new VitrineError("data/labels", text, { details: { lost: lost.length } });
}

/** Class i is class i; the notice shows the first pairs, so that a wrong order is seen. */
function byIndex(classes: readonly string[], labels: readonly string[], reason: string): ClassMatch {
  if (classes.length > labels.length) throw tooMany(classes.length, labels.length);
  const indices = Int32Array.from(classes, (_, index) => index);
  if (classes.every((name) => name === "")) return { indices };
  const pairs = classes
    .slice(0, 3)
    .map((name, index) => `"${quote(name)}" is "${quote(labels[index])}"`)
    .join(", ");
  const more = classes.length > 3 ? ", …" : "";
  return { indices, notice: `${reason}: classes are matched by rank (${pairs}${more})` };
}

/** Folders 1, 10, 2: ranked as text here and by torchvision, as numbers by timm, so a rank says nothing. */
function rankIsAmbiguous(classes: readonly string[]): boolean {
  if (!classes.every((name) => /^\d+$/.test(name))) return false;
  return classes.some((name, index) => index > 0 && Number(name) < Number(classes[index - 1]));
}

/**
 * The model's class index for each class of a data set, in the data set's index order. An empty name is a class that a
 * list gave by index; it keeps that index. Other names are matched with the labels: exactly, and where that finds
 * none, regardless of case and separators. A model whose classes have no names ("class 0" …) is matched by rank if it
 * has as many, and the notice says so; so is any model with `order` "index". Throws `data/labels` where a name does not
 * match, or the model has too few classes.
 */
export function matchClasses(
  classes: readonly string[],
  labels: readonly string[],
  order: ClassOrder = "name",
): ClassMatch {
  if (order === "index" || classes.every((name) => name === ""))
    return byIndex(classes, labels, "as --classes-by index asks");
  const found = findClasses(classes, labels);
  const lost = classes.filter((_, index) => found[index] === undefined);
  if (lost.length === 0) return { indices: Int32Array.from(found as number[]) };
  const matchesByRank =
    areNumbered(labels) && lost.length === classes.length && classes.length === labels.length;
  if (matchesByRank && !rankIsAmbiguous(classes))
    return byIndex(classes, labels, "the model's classes have no names");
  throw notFound(classes, labels, lost);
}
