// Labels: the names of a model's classes, and how a data set's class names find them.

import { VitrineError } from "../errors.js";
import { IMAGENET_LABELS, IMAGENET_SYNSETS } from "./imagenet-labels.js";

/** Names for a model whose folder brings none: ImageNet's for 1,000 classes, else "class 0" … */
export function defaultLabels(classes: number): string[] {
  if (classes === IMAGENET_LABELS.length) return [...IMAGENET_LABELS];
  return Array.from({ length: classes }, (_, index) => `class ${index}`);
}

export interface ClassMatch {
  /** Class index in the data set → class index of the model. */
  indices: Int32Array;
  /** For people, where the names did not decide. */
  notice?: string;
}

/** "Great_White  shark" and "great white shark" are one name. */
function normalize(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, " ")
    .trim();
}

/** All ways to say a label: whole, its parts ("tench, Tinca tinca"), and the synset id of an ImageNet class. */
function namesOf(label: string, index: number, isImagenet: boolean): string[] {
  const parts = label.split(",");
  return [label, ...parts, ...(isImagenet ? [IMAGENET_SYNSETS[index] as string] : [])].map(normalize);
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
  const text = `the data set has class indices up to ${classes - 1}, the model only ${modelClasses} classes (another --model, or other labels in --data)`;
  return new VitrineError("data/labels", text, { details: { classes, modelClasses } });
}

/** Every name by itself: its label's index. Throws `data/labels` naming the ones that are not found. */
function matchEach(classes: readonly string[], found: readonly (number | null | undefined)[]): ClassMatch {
  const lost = classes.filter((_, index) => typeof found[index] !== "number");
  if (lost.length === 0) return { indices: Int32Array.from(found as readonly number[]) };
  const shown = lost.slice(0, 5).map((name) => `"${name}"`);
  const more = lost.length > shown.length ? ` and ${lost.length - shown.length} more` : "";
  const text = `${classes.length - lost.length} of ${classes.length} class names of the data set are labels of the model; not found, or not unique: ${shown.join(", ")}${more} (rename the folders, or give class indices in a CSV list)`;
  throw new VitrineError("data/labels", text, { details: { lost: lost.length } });
}

/**
 * A data set's classes, in its index order, → the model's. An empty name stands for a class that the list gave by
 * index: it keeps that index. Names match labels; where none does, classes go by rank and the notice says so.
 * Throws `data/labels` where only some names match, or the model has too few classes.
 */
export function matchClasses(classes: readonly string[], labels: readonly string[]): ClassMatch {
  const known = indexOfNames(labels);
  const isIndex = (name: string): boolean => name === "";
  const given = (index: number): number | undefined => (index < labels.length ? index : undefined);
  const found = classes.map((name, index) => (isIndex(name) ? given(index) : known.get(normalize(name))));
  const byIndex = classes.every(isIndex);
  const someNameFits = classes.some((name, index) => !isIndex(name) && typeof found[index] === "number");
  if (!byIndex && someNameFits) return matchEach(classes, found);
  if (classes.length > labels.length) throw tooMany(classes.length, labels.length);
  const indices = Int32Array.from(classes, (_, index) => index);
  if (byIndex) return { indices };
  const notice = `no class name of the data set is a label of the model: classes are taken by rank ("${classes[0]}" is "${labels[0]}")`;
  return { indices, notice };
}
