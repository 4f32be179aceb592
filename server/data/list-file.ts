// List file: a data set as a list of pictures with a label each, in the list's own order; paths are relative to the list.

import { type Stats, statSync } from "node:fs";
import { dirname, normalize, resolve } from "node:path";
import { quote, VitrineError } from "../../runtime/errors.js";
import { LONGEST_LABEL } from "../../runtime/models/labels.js";
import { byCodePoint, type Listing } from "./dataset.js";
import { badList, type ListRow, readListRows } from "./list-rows.js";

/** A larger index is treated as a mistake: each class costs a row of the classification head. */
const MAX_CLASSES = 1_000_000;

/** "1.0" is what pandas writes for 1 in a column with a gap. */
const INTEGER = /^[+-]?\d+(\.0*)?$/;
const NUMBER = /^[+-]?\d+\.\d+$/;

/** "1" and "1.0" are the same class. */
function isSameLabel(a: string, b: string): boolean {
  return a === b || (INTEGER.test(a) && INTEGER.test(b) && Number(a) === Number(b));
}

/** Throws `data/bad-list` for an empty or too long cell, a fraction as a label, and a picture with two labels. */
function checkRows(list: string, rows: readonly ListRow[]): void {
  const seen = new Map<string, ListRow>();
  for (const row of rows) {
    const { path, label, line } = row;
    if (path === "" || label === "")
      throw badList(list, `line ${line} has an empty ${path === "" ? "path" : "label"}`, { line });
    if (label.length > LONGEST_LABEL)
      throw badList(
        list,
        `line ${line} has a label of ${label.length.toLocaleString("en-US")} characters; allowed: ${LONGEST_LABEL}`,
        { line },
      );
    if (NUMBER.test(label) && !INTEGER.test(label))
      throw badList(list, `line ${line} has the label ${label}; allowed: whole numbers, or names`, { line });
    // "./a.jpg" and "b/../a.jpg" are the picture "a.jpg".
    const picture = normalize(path);
    const before = seen.get(picture);
    if (before && !isSameLabel(before.label, label))
      throw badList(
        list,
        `lines ${before.line} and ${line} give "${quote(path)}" the labels "${quote(before.label)}" and "${quote(label)}"`,
        { line },
      );
    seen.set(picture, row);
  }
}

/** Integers are class indices, anything else is a class name; a list uses one of the two throughout. */
function readLabels(list: string, rows: readonly ListRow[]): { labels: Int32Array; classes: string[] } {
  const numbered = rows.filter(({ label }) => INTEGER.test(label));
  if (numbered.length !== 0 && numbered.length !== rows.length) {
    const named = rows.find(({ label }) => !INTEGER.test(label))!;
    throw badList(
      list,
      `line ${named.line} has the class name "${quote(named.label)}" where ${numbered.length} other rows have an index`,
      { line: named.line },
    );
  }
  if (numbered.length === 0) {
    const classes = [...new Set(rows.map(({ label }) => label))].sort(byCodePoint);
    const index = new Map(classes.map((name, i) => [name, i]));
    return { labels: Int32Array.from(rows, ({ label }) => index.get(label)!), classes };
  }
  const labels = Int32Array.from(rows, ({ label, line }) => {
    const value = Number(label);
    if (value >= 0 && value < MAX_CLASSES) return value;
    throw badList(list, `line ${line} has class index ${quote(label)}; allowed: 0 to ${MAX_CLASSES - 1}`, {
      line,
    });
  });
  const largest = labels.reduce((a, b) => Math.max(a, b), 0);
  return { labels, classes: new Array<string>(largest + 1).fill("") };
}

/** Files after which `onFiles` hears of them. */
const REPORT_INTERVAL = 4096;

/** Missing files that an error names. */
const NAMED_FILES = 3;

function missingFiles(list: string, missing: readonly (ListRow & { isThere: boolean })[]): VitrineError {
  const [{ path, line, isThere }] = missing;
  const named = missing.slice(0, NAMED_FILES).map((row) => `line ${row.line}: ${quote(row.path)}`);
  const what = isThere ? "not a file" : "no such file";
  const text =
    missing.length === 1
      ? `${list}, ${named[0]}: ${what} (paths are relative to the list)`
      : `${list}: ${missing.length.toLocaleString("en-US")} rows name no file (paths are relative to the list): ` +
        `${named.join(", ")}${missing.length > NAMED_FILES ? " …" : ""}`;
  return new VitrineError("data/missing-file", text, {
    details: { path: list, line, file: path, missing: missing.length },
  });
}

/** What the file system says of names that no file can have: they are too long, or have a NUL character. */
const IMPOSSIBLE_NAMES = ["ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (cause) {
    if (IMPOSSIBLE_NAMES.includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw cause;
  }
}

/** Throws `data/bad-list`, and `data/missing-file` for rows whose files do not exist. */
export function readListFile(list: string, onFiles: (files: number) => void): Listing {
  const root = dirname(list);
  const rows = readListRows(list);
  if (rows.length === 0) throw badList(list, "the list has no images");
  checkRows(list, rows);
  const classes = readLabels(list, rows);
  const missing: (ListRow & { isThere: boolean })[] = [];
  const sizes = new Float64Array(rows.length);
  const modified = new Float64Array(rows.length);
  for (const [index, row] of rows.entries()) {
    if (index % REPORT_INTERVAL === 0) onFiles(index);
    const file = statOf(resolve(root, row.path));
    if (!file?.isFile()) {
      missing.push({ ...row, isThere: file !== undefined });
      continue;
    }
    sizes[index] = file.size;
    modified[index] = file.mtimeMs;
  }
  if (missing.length > 0) throw missingFiles(list, missing);
  const names = rows.map(({ path }) => path);
  return { root, names, ...classes, otherFiles: 0, otherKinds: "", sizes, modified };
}
