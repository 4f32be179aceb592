// Tally: what a collection of verdicts says: each picture as a row, how many are right where folder names are labels,
// and which classes are taken for which.

import type { ClassScore } from "../../../runtime/inference/logits.js";
import type { Picture } from "./pictures.js";

/** A picture and its verdict, as lists and files show it. */
export interface Row {
  picture: Picture;
  state: "waiting" | "classified" | "failed";
  /** Best first; empty without a verdict. */
  classes: readonly ClassScore[];
  /** Name of the first class. */
  answer: string;
  probability: number;
  /** Index of the class that its folder is named after; undefined where the folder is no class. */
  label: number | undefined;
  /** Whether the first class is its folder's; undefined where that cannot be said. */
  right: boolean | undefined;
  error: string;
}

/** `n02123045_tabby-Cat` → `tabby cat`: how folders of data sets and WordNet's names agree. */
const normalize = (name: string) =>
  name
    .toLowerCase()
    .replace(/^n\d{8}[ _-]+/, "")
    .replace(/[_\s-]+/g, " ")
    .trim();

/** By the array of labels: rows are made again with every verdict. */
const synonymIndices = new WeakMap<readonly string[], Map<string, number>>();

/** Class names and each of their synonyms → index. The first class of a name keeps it. */
function synonymIndex(labels: readonly string[]): Map<string, number> {
  const known = synonymIndices.get(labels);
  if (known) return known;
  const indices = new Map<string, number>();
  synonymIndices.set(labels, indices);
  for (const [index, label] of labels.entries())
    for (const name of [label, ...label.split(",")]) {
      const key = normalize(name);
      if (!indices.has(key)) indices.set(key, index);
    }
  return indices;
}

/** Reads the verdicts, which are signals: what computes with the rows follows them. */
export function rowsOf(pictures: readonly Picture[], labels: readonly string[]): Row[] {
  const indices = synonymIndex(labels);
  return pictures.map((picture) => {
    const verdict = picture.verdict.value;
    const classes = verdict.kind === "classified" ? verdict.classification.classes : [];
    const [best] = classes;
    const label = picture.folder === undefined ? undefined : indices.get(normalize(picture.folder));
    return {
      picture,
      state: verdict.kind === "reading" ? "waiting" : verdict.kind,
      classes,
      answer: best?.label ?? "",
      probability: best?.probability ?? 0,
      label,
      right: best === undefined || label === undefined ? undefined : best.index === label,
      error: verdict.kind === "failed" ? verdict.failure.line : "",
    };
  });
}

export interface Score {
  /** Pictures with a verdict whose folder is a class. */
  counted: number;
  top1: number;
  top5: number;
}

export function scoreOf(rows: readonly Row[]): Score {
  const counted = rows.filter(({ right }) => right !== undefined);
  return {
    counted: counted.length,
    top1: counted.filter(({ right }) => right).length,
    top5: counted.filter(({ classes, label }) => classes.slice(0, 5).some(({ index }) => index === label))
      .length,
  };
}

export interface ConfusionMatrix {
  /** Folders, by name. */
  folders: string[];
  /** Answers, those that are a folder's class first and in the folders' order, then by how often they occur. */
  answers: string[];
  /** Pictures [folder][answer]. */
  counts: number[][];
  /** The column that is right for a folder; −1 where its class was never the answer, or it is no class. */
  right: number[];
  /** Pictures that were left out, since there are more folders or answers than a table can show. */
  omitted: number;
}

/** Larger tables cannot be read. */
const MOST_LINES = 24;

/** Undefined where the pictures come from fewer than two folders, or none has a verdict. */
export function confusionOf(rows: readonly Row[]): ConfusionMatrix | undefined {
  const seen = rows.filter(({ state, picture }) => state === "classified" && picture.folder !== undefined);
  const allFolders = [...new Set(seen.map(({ picture }) => picture.folder ?? ""))].sort();
  if (allFolders.length < 2) return undefined;
  const folders = allFolders.slice(0, MOST_LINES);
  const occurrences = new Map<number, { name: string; times: number }>();
  const labelOf = new Map<string, number | undefined>();
  for (const { picture, classes, label } of seen) {
    const best = classes[0];
    if (!best) continue;
    labelOf.set(picture.folder ?? "", label);
    const known = occurrences.get(best.index);
    occurrences.set(best.index, { name: best.label, times: (known?.times ?? 0) + 1 });
  }
  const ofFolders = folders
    .map((folder) => labelOf.get(folder))
    .filter((label): label is number => label !== undefined && occurrences.has(label));
  const others = [...occurrences.keys()]
    .filter((index) => !ofFolders.includes(index))
    .sort((a, b) => (occurrences.get(b)?.times ?? 0) - (occurrences.get(a)?.times ?? 0));
  const columns = [...new Set([...ofFolders, ...others])].slice(0, MOST_LINES);
  const counts = folders.map((folder) =>
    columns.map(
      (column) =>
        seen.filter(({ picture, classes }) => picture.folder === folder && classes[0]?.index === column)
          .length,
    ),
  );
  const shown = counts.flat().reduce((a, b) => a + b, 0);
  return {
    folders,
    answers: columns.map((column) => occurrences.get(column)?.name ?? ""),
    counts,
    right: folders.map((folder) => columns.indexOf(labelOf.get(folder) ?? -1)),
    omitted: seen.length - shown,
  };
}
