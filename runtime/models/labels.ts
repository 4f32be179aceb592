// Labels: the names of a model's classes, and how a data set's class names find them.

import { quote, VitrineError } from "../errors.js";
import { IMAGENET_LABELS, IMAGENET_SYNSETS } from "./imagenet-labels.js";

/** Names for a model whose files have none: ImageNet's for 1,000 classes, else "class 0", "class 1" … */
export function defaultLabels(classes: number): string[] {
  if (classes === IMAGENET_LABELS.length) return [...IMAGENET_LABELS];
  return Array.from({ length: classes }, (_, index) => `class ${index}`);
}

/** Maps the classes of a data set to those of a model. */
export interface ClassMatch {
  /** Class index in the data set → class index of the model. */
  indices: Int32Array;
  /** A sentence for the user where the names did not match. */
  notice?: string;
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
function indexOfNames(labels: readonly string[]): Map<string, number | null> {
  const isImagenet = labels.length === IMAGENET_LABELS.length && labels[0]?.startsWith("tench") === true;
  const known = new Map<string, number | null>();
  labels.forEach((label, index) => {
    for (const name of new Set(namesOf(label, index, isImagenet)))
      known.set(name, known.has(name) ? null : index);
  });
  return known;
}

function tooMany(classes: number, modelClasses: number): VitrineError {
  const text =
    `the data set has class indices up to ${classes - 1}, the model only ${modelClasses} classes ` +
    "(take another --model, or other labels in --data)";
  return new VitrineError("data/labels", text, { details: { classes, modelClasses } });
}

/** The index of each name's label. Throws `data/labels` with the names that are not found. */
function matchEach(classes: readonly string[], found: readonly (number | null | undefined)[]): ClassMatch {
  const lost = classes.filter((_, index) => typeof found[index] !== "number");
  if (lost.length === 0) return { indices: Int32Array.from(found as readonly number[]) };
  const shown = lost.slice(0, 5).map((name) => `"${quote(name)}"`);
  const more = lost.length > shown.length ? ` and ${lost.length - shown.length} more` : "";
  const text =
    `${classes.length - lost.length} of ${classes.length} class names of the data set are labels of the model; ` +
    `not found, or not unique: ${shown.join(", ")}${more} ` +
    "(rename the folders, or give class indices in a CSV list)";
  throw new VitrineError("data/labels", text, { details: { lost: lost.length } });
}

/**
 * The model's class index for each class of a data set, in the data set's index order. An empty name is a class that a
 * list gave by index; it keeps that index. Other names are matched with the labels, regardless of case and separators;
 * where none matches, classes are matched by rank and the notice says so. Throws `data/labels` where only some names
 * match, or the model has too few classes.
 */
export function matchClasses(classes: readonly string[], labels: readonly string[]): ClassMatch {
  const known = indexOfNames(labels);
  const isIndex = (name: string): boolean => name === "";
  const given = (index: number): number | undefined => (index < labels.length ? index : undefined);
  const found = classes.map((name, index) => (isIndex(name) ? given(index) : known.get(normalize(name))));
  const byIndex = classes.every(isIndex);
  const someNameMatches = classes.some((name, index) => !isIndex(name) && typeof found[index] === "number");
  if (!byIndex && someNameMatches) return matchEach(classes, found);
  if (classes.length > labels.length) throw tooMany(classes.length, labels.length);
  const indices = Int32Array.from(classes, (_, index) => index);
  if (byIndex) return { indices };
  const first = `"${quote(classes[0])}" is "${quote(labels[0])}"`;
  const notice = "no class name of the data set is a label of the model: classes are matched by rank";
  return { indices, notice: `${notice} (${first})` };
}
