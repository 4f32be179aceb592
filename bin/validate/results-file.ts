// Results file: a CSV file that collects results over many calls, a header once and then a row for each.

import { appendFileSync, closeSync, fstatSync, openSync, readSync } from "node:fs";
import { quote, VitrineError } from "../../runtime/errors.js";
import { entryAt } from "../../runtime/host/node-files.js";

export type Cell = string | number | boolean | null;

/** A field with a comma, a quote or a line break is quoted, as RFC 4180 says. */
function field(value: Cell): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const line = (cells: readonly Cell[]): string => `${cells.map(field).join(",")}\n`;

export interface ResultsFile {
  /** Appends rows, in the order of the columns. Throws `file/unwritable`. */
  append(rows: readonly (readonly Cell[])[]): void;
}

function unwritable(path: string, cause: unknown): VitrineError {
  const text = `${quote(path)}: ${quote((cause as Error).message)}`;
  return new VitrineError("file/unwritable", text, { details: { path }, cause });
}

/** A header is shorter than this; the rest of the file, of any length, is not read. */
const FIRST_BYTES = 4096;

/** The first line of a file, and whether the last one has its newline. A file that does not exist is empty. */
function endsOf(path: string): { first: string; isEmpty: boolean; isWhole: boolean } {
  const entry = entryAt(path);
  // Opening a FIFO waits for one who reads it.
  if (entry && !entry.isFile())
    throw new VitrineError("file/unwritable", `${quote(path)}: no regular file; rows are appended to one`, {
      details: { path },
    });
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      return { first: "", isEmpty: true, isWhole: true };
    throw unwritable(path, cause);
  }
  try {
    const { size } = fstatSync(file);
    const start = Buffer.alloc(Math.min(size, FIRST_BYTES));
    readSync(file, start, 0, start.length, 0);
    const end = Buffer.alloc(1);
    if (size > 0) readSync(file, end, 0, 1, size - 1);
    const first = start.toString("utf8").split("\n", 1)[0].replace(/\r$/, "");
    return { first, isEmpty: size === 0, isWhole: end.toString() === "\n" };
  } catch (cause) {
    throw unwritable(path, cause);
  } finally {
    closeSync(file);
  }
}

/**
 * Opens FILE, new or with rows of the same columns. Throws `usage/results-file` for a file whose first line is another,
 * and `file/unwritable`.
 */
export function openResultsFile(path: string, columns: readonly string[]): ResultsFile {
  const header = line(columns);
  const { first, isEmpty, isWhole } = endsOf(path);
  if (!isEmpty && `${first}\n` !== header)
    throw new VitrineError(
      "usage/results-file",
      `${quote(path)}: its first line is "${quote(first)}", rows of this version have the columns ${columns.join(",")}: ` +
        "give another file to --results-file",
      { details: { path } },
    );
  const append = (text: string): void => {
    try {
      appendFileSync(path, text);
    } catch (cause) {
      throw unwritable(path, cause);
    }
  };
  // A last row without a newline was cut off; the next one must not continue it.
  append(isEmpty ? header : isWhole ? "" : "\n");
  return { append: (rows) => append(rows.map(line).join("")) };
}
