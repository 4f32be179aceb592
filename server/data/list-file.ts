// List file: a data set as a CSV file with the columns path and label, in the list's own order; paths are relative
// to the list.

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "csv-parse/sync";
import { quote, VitrineError } from "../../runtime/errors.js";
import { readWholeFileSync } from "../../runtime/host/node-files.js";
import { LONGEST_LABEL } from "../../runtime/models/labels.js";
import { byCodePoint, type Listing } from "./dataset.js";

/** A larger index is treated as a mistake: each class costs a row of the classification head. */
const MAX_CLASSES = 1_000_000;

/** The 14 million rows of ImageNet-21k take 700 MB. */
const LARGEST_LIST = 2 ** 30;

const INTEGER = /^[+-]?\d+$/;

interface Row {
  path: string;
  label: string;
  /** Line of the file, from 1. */
  line: number;
}

function badList(list: string, what: string, details: Record<string, string | number> = {}): VitrineError {
  return new VitrineError(
    "data/bad-list",
    `${list}: ${what}; a list is a CSV file with the header "path,label" and one row per image`,
    { details: { path: list, ...details } },
  );
}

function readRows(list: string): Row[] {
  const text = readWholeFileSync(list, LARGEST_LIST);
  let parsed: { record: Record<string, string>; info: { lines: number } }[];
  try {
    // With the options `info` and `columns` each row is an object with its line; the typings know plain rows only.
    parsed = parse(Buffer.from(text.buffer), {
      columns: true,
      info: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as typeof parsed;
  } catch (cause) {
    throw badList(list, quote(cause instanceof Error ? cause.message.replace(/\s+/g, " ") : String(cause)));
  }
  return parsed.map(({ record, info }) => {
    const { path, label } = record;
    if (path === undefined || label === undefined)
      throw badList(list, `the header has no column "${path === undefined ? "path" : "label"}"`);
    if (path === "" || label === "")
      throw badList(list, `line ${info.lines} has an empty ${path === "" ? "path" : "label"}`, {
        line: info.lines,
      });
    if (label.length > LONGEST_LABEL)
      throw badList(
        list,
        `line ${info.lines} has a label of ${label.length.toLocaleString("en-US")} characters; allowed: ${LONGEST_LABEL}`,
        { line: info.lines },
      );
    return { path, label, line: info.lines };
  });
}

/** Integers are class indices, anything else is a class name; a list uses one of the two throughout. */
function readLabels(list: string, rows: Row[]): { labels: Int32Array; classes: string[] } {
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

/** Throws `data/bad-list`, and `data/missing-file` for a row whose file does not exist. */
export function readListFile(list: string, onFiles: (files: number) => void): Listing {
  const root = dirname(list);
  const rows = readRows(list);
  if (rows.length === 0) throw badList(list, "the list has no images");
  const sizes = Float64Array.from(rows, ({ path, line }, index) => {
    if (index % REPORT_INTERVAL === 0) onFiles(index);
    const file = statSync(resolve(root, path), { throwIfNoEntry: false });
    if (file?.isFile()) return file.size;
    throw new VitrineError(
      "data/missing-file",
      `${list}, line ${line}: ${quote(path)}: ${file ? "not a file" : "no such file"} (paths are relative to the list)`,
      { details: { path: list, line, file: path } },
    );
  });
  return {
    root,
    names: rows.map(({ path }) => path),
    ...readLabels(list, rows),
    otherFiles: 0,
    otherKinds: "",
    sizes,
  };
}
