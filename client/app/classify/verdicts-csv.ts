// Verdicts as CSV: a row for each picture, for spreadsheets and scripts (RFC 4180).

import type { Row } from "./tally.js";

const CLASSES = 5;

/** Quoted where needed. A spreadsheet takes what starts with = + - @ for a formula: an apostrophe says that it is text. */
function cell(value: string | number): string {
  const text = typeof value === "number" ? String(value) : value.replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One row a picture: file, folder, right or wrong, the five most probable classes with their probabilities, error. */
export function verdictsCsv(rows: readonly Row[]): string {
  const places = Array.from({ length: CLASSES }, (_, place) => place + 1);
  const header = [
    "file",
    "folder",
    "right",
    ...places.flatMap((n) => [`class_${n}`, `probability_${n}`]),
    "error",
  ];
  const lines = rows.map(({ picture, right, classes, error }) => [
    picture.name,
    picture.folder ?? "",
    right === undefined ? "" : right ? "yes" : "no",
    ...places.flatMap((n) => {
      const score = classes[n - 1];
      return score ? [score.label, Number(score.probability.toFixed(6))] : ["", ""];
    }),
    error,
  ]);
  return [header, ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}
