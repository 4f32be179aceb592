// Results: what a validation found out about one model, as JSON fields, as CSV rows and as text.

import { escapeControls, quote } from "../../runtime/errors.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import type { ClassScores } from "../../trainer/class-scores.js";
import { hasTop5 } from "../../trainer/core/validation.js";
import type { Disagreement } from "./disagreement.js";
import type { Cell } from "./results-file.js";

/** How a model was validated. */
export interface ValidationSetup {
  /** As the user gave them. */
  model: string;
  data: string;
  parameters: number;
  dtype: WeightDtype;
  device: string;
  imageSize: number;
  cropPct: number;
  cropMode: string;
  /** Filter of the resize. */
  interpolation: string;
  flip: boolean;
  /** File of --real-labels; null: the data set's own labels. */
  realLabels: string | null;
}

/** What was found; the field names of `--json`. */
export interface ValidationResult extends ValidationSetup {
  images: number;
  top1Count: number;
  top5Count: number;
  /** Percent. */
  top1: number;
  top5: number;
  /** Mean of −log softmax(label); the label is the data set's own, also with --real-labels. */
  loss: number;
  imagesPerSecond: number;
  /** Files that could not be read (--bad-samples skip). */
  skipped: number;
  /** Images whose list in --real-labels is empty. */
  unlabeled: number;
  /** Files of the data set's folders that are no images of a known format. */
  otherFiles: number;
  /** Each head alone, of a model with a distillation head; the other fields are of the mean of both. */
  heads: { class: HeadResult; distillation: HeadResult } | null;
  /** With --teacher. */
  disagreement: Disagreement | null;
}

/** Percent, percent, and mean of −log softmax(label). */
export interface HeadResult {
  top1: number;
  top5: number;
  loss: number;
}

export function headResult({ total: { images, top1, top5 }, loss }: ClassScores): HeadResult {
  return { top1: percent(top1, images), top5: percent(top5, images), loss };
}

/** A row of `--per-class`. */
export interface ClassResult {
  class: string;
  images: number;
  top1Count: number;
  top5Count: number;
  /** Percent; null for a class without images. */
  top1: number | null;
  top5: number | null;
  /** The class that its images were most often taken for, and how many; null where all were right. */
  confusedWith: string | null;
  confused: number;
}

const percent = (part: number, whole: number): number => (100 * part) / whole;

/** Measured beside the scores. */
export interface ValidationCounts {
  seconds: number;
  skipped: number;
  otherFiles: number;
}

export function resultOf(
  setup: ValidationSetup,
  scores: ClassScores,
  { seconds, skipped, otherFiles }: ValidationCounts,
): Omit<ValidationResult, "heads" | "disagreement"> {
  const { images, top1, top5 } = scores.total;
  return {
    images,
    top1Count: top1,
    top5Count: top5,
    top1: percent(top1, images),
    top5: percent(top5, images),
    loss: scores.loss,
    imagesPerSecond: images / seconds,
    skipped,
    unlabeled: scores.unlabeled,
    otherFiles,
    ...setup,
  };
}

/** In the data set's order. `classes`: its names; where it has none, `labels`, the model's, stand in. */
export function classResults(
  scores: ClassScores,
  classes: readonly string[],
  labels: readonly string[],
  classMap: Int32Array,
): ClassResult[] {
  const most = new Map<number, { answer: number; images: number }>();
  for (const { label, answer, images } of scores.confusions())
    if (!most.has(label)) most.set(label, { answer, images });
  return scores.classes.map(({ images, top1, top5 }, index) => {
    const confusion = most.get(index);
    return {
      class: classes[index] || labels[classMap[index]] || String(index),
      images,
      top1Count: top1,
      top5Count: top5,
      top1: images === 0 ? null : percent(top1, images),
      top5: images === 0 ? null : percent(top5, images),
      confusedWith: confusion ? (labels[confusion.answer] ?? String(confusion.answer)) : null,
      confused: confusion?.images ?? 0,
    };
  });
}

/** timm's names where timm's validate.py has the column. */
export const RESULT_COLUMNS: readonly [name: string, cell: (result: ValidationResult) => Cell][] = [
  ["model", ({ model }) => model],
  ["data", ({ data }) => data],
  ["top1", ({ top1 }) => Number(top1.toFixed(4))],
  ["top1_err", ({ top1 }) => Number((100 - top1).toFixed(4))],
  ["top5", ({ top5 }) => Number(top5.toFixed(4))],
  ["top5_err", ({ top5 }) => Number((100 - top5).toFixed(4))],
  ["loss", ({ loss }) => Number(loss.toFixed(6))],
  ["images", ({ images }) => images],
  ["skipped", ({ skipped }) => skipped],
  ["unlabeled", ({ unlabeled }) => unlabeled],
  ["param_count", ({ parameters }) => parameters],
  ["img_size", ({ imageSize }) => imageSize],
  ["crop_pct", ({ cropPct }) => cropPct],
  ["crop_mode", ({ cropMode }) => cropMode],
  ["interpolation", ({ interpolation }) => interpolation],
  ["flip", ({ flip }) => flip],
  ["real_labels", ({ realLabels }) => realLabels],
  ["dtype", ({ dtype }) => dtype],
  ["device", ({ device }) => device],
  ["images_per_second", ({ imagesPerSecond }) => Number(imagesPerSecond.toFixed(2))],
];

export const CLASS_COLUMNS = [
  "model",
  "data",
  "class",
  "images",
  "top1",
  "top5",
  "confused_with",
  "confused",
];

export function classRow({ model, data }: ValidationResult, row: ClassResult): Cell[] {
  const rounded = (value: number | null) => value && Number(value.toFixed(4));
  const { images, top1, top5, confusedWith, confused } = row;
  return [model, data, row.class, images, rounded(top1), rounded(top5), confusedWith, confused];
}

/** Where the folder of a results file keeps the rows of classes: `results.csv` → `results.classes.csv`. */
export function classFileOf(resultsFile: string): string {
  return `${resultsFile.replace(/\.csv$/i, "")}.classes.csv`;
}

/** `top-1 81.25% (13 of 16)  top-5 …  loss …  … images/s`, and a line about what was not counted. */
export function describeResult(result: ValidationResult, classes: number): string[] {
  const { images, top1Count, top5Count, top1, top5, loss, imagesPerSecond, skipped, unlabeled } = result;
  const fields = [
    `top-1 ${top1.toFixed(2)}% (${top1Count} of ${images})`,
    ...(hasTop5(classes) ? [`top-5 ${top5.toFixed(2)}% (${top5Count})`] : []),
    `loss ${loss.toFixed(4)}`,
    `${imagesPerSecond.toFixed(1)} images/s`,
  ];
  const left = [
    ...(skipped > 0 ? [`${skipped} ${skipped === 1 ? "file" : "files"} could not be read`] : []),
    ...(unlabeled > 0 ? [`${unlabeled} without a valid class in ${quote(result.realLabels ?? "")}`] : []),
  ];
  const head = (name: string, scores: HeadResult): string =>
    [
      `  ${name.padEnd(17)}`,
      `top-1 ${scores.top1.toFixed(2)}%`,
      ...(hasTop5(classes) ? [`top-5 ${scores.top5.toFixed(2)}%`] : []),
      `loss ${scores.loss.toFixed(4)}`,
    ].join("  ");
  const heads = result.heads
    ? [head("class head", result.heads.class), head("distillation head", result.heads.distillation)]
    : [];
  return [fields.join("  "), ...heads, ...(left.length > 0 ? [`not counted: ${left.join(", ")}`] : [])];
}

/** Rows of cells in columns: the first is left-aligned, numbers are right-aligned. */
function table(rows: readonly (readonly string[])[], leftColumns: readonly number[] = [0]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        leftColumns.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** Names from files, on one line and not wider than a table can bear. */
function name(text: string, width = 40): string {
  const shown = escapeControls(text);
  return shown.length <= width ? shown : `…${shown.slice(shown.length - width + 1)}`;
}

/** Several models under one another. */
export function resultTable(results: readonly ValidationResult[]): string[] {
  const header = ["model", "top-1", "top-5", "loss", "images", "images/s", "size", "crop", "parameters"];
  const rows = results.map((result) => [
    name(result.model),
    `${result.top1.toFixed(2)}%`,
    `${result.top5.toFixed(2)}%`,
    result.loss.toFixed(4),
    String(result.images),
    result.imagesPerSecond.toFixed(1),
    String(result.imageSize),
    String(Number(result.cropPct.toFixed(3))),
    result.parameters.toLocaleString("en"),
  ]);
  return table([header, ...rows]);
}

/** Classes under one another, in the data set's order. */
export function classTable(rows: readonly ClassResult[]): string[] {
  const withTop5 = hasTop5(rows.length);
  const show = (value: number | null) => (value === null ? "–" : `${value.toFixed(2)}%`);
  const header = ["class", "images", "top-1", ...(withTop5 ? ["top-5"] : []), "most often taken for"];
  const lines = rows.map((row) => [
    name(row.class, 28),
    String(row.images),
    show(row.top1),
    ...(withTop5 ? [show(row.top5)] : []),
    row.confusedWith === null ? "" : `${name(row.confusedWith, 24)} (${row.confused})`,
  ]);
  return table([header, ...lines], [0, header.length - 1]);
}

/** Fraction of the images on which two classifiers decide differently, as table 4 of DeiT has it. */
export function disagreementTable({ classifiers, fractions, images }: Disagreement): string[] {
  const rows = fractions.map((row, i) => [classifiers[i], ...row.map((fraction) => fraction.toFixed(3))]);
  return [
    `disagreement on ${images} ${images === 1 ? "image" : "images"}:`,
    ...table([["", ...classifiers], ...rows]).map((line) => `  ${line}`),
  ];
}
