// List rows: a list of pictures as a path and a label each, from the spellings in which such lists are passed around: CSV
// with commas, semicolons or tabs, with a header in any case or without, `path label` lines, JSON lines; gzipped or not.

import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { quote, VitrineError } from "../../runtime/errors.js";
import { readWholeFileSync } from "../../runtime/host/node-files.js";
import { PICTURE_NAME } from "./dataset.js";

export interface ListRow {
  path: string;
  label: string;
  /** Line of the file, from 1. */
  line: number;
}

/** What one string of V8 can hold; ten million rows with paths of 40 characters take less. */
const LARGEST_LIST = 2 ** 29 - 2 ** 10;

/** Names of the two columns, the first one that a list has. */
const PATH_COLUMNS = ["path", "file_name", "filename", "file", "image", "image_path", "filepath"];
const LABEL_COLUMNS = ["label", "class", "class_name", "category", "target"];

export function badList(
  list: string,
  what: string,
  details: Record<string, string | number> = {},
): VitrineError {
  return new VitrineError(
    "data/bad-list",
    `${list}: ${what}; a list is a CSV file with the header "path,label" and one row per image`,
    { details: { path: list, ...details } },
  );
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

/** The text of the list: UTF-8 or UTF-16 with its mark, gunzipped where it is gzipped, no larger than `LARGEST_LIST`. */
function readText(list: string): string {
  const file = readWholeFileSync(list, LARGEST_LIST);
  let bytes: Uint8Array = file;
  if (file[0] === 0x1f && file[1] === 0x8b) {
    try {
      bytes = gunzipSync(file, { maxOutputLength: LARGEST_LIST });
    } catch (cause) {
      throw badList(list, `its gzip data cannot be read (${(cause as Error).message})`);
    }
  }
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** A row's cells with its line. */
interface Cells {
  cells: string[];
  line: number;
}

/** What separates the cells, by the first line; undefined for lines of a path, spaces and a label. */
function delimiterOf(firstLine: string): string | undefined {
  const unquoted = firstLine.replace(/"[^"]*"/g, "");
  return ["\t", ",", ";"].find((delimiter) => unquoted.includes(delimiter));
}

function splitCells(list: string, text: string, delimiter: string): Cells[] {
  try {
    // With the option `info` each row is an object with its line; the typings know plain rows only.
    const parsed = parse(text, {
      ...{ delimiter, info: true, skip_empty_lines: true, trim: true, relax_column_count: true },
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return parsed.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (cause) {
    throw badList(list, quote(cause instanceof Error ? cause.message.replace(/\s+/g, " ") : String(cause)));
  }
}

/** Ends of lines on Unix, Windows and old Macs. */
const LINE_END = /\r\n?|\n/;

/** Lines of a path, which may have spaces, and a label, which has none: Caffe's and timm's lists. */
function splitLines(text: string): Cells[] {
  return text.split(LINE_END).flatMap((raw, index) => {
    const row = raw.trim();
    if (row === "") return [];
    // Without spaces around it, a row of any length is matched in linear time.
    const [, path, label] = /^(.*\S)\s+(\S+)$/s.exec(row) ?? [undefined, row, undefined];
    return [{ cells: label === undefined ? [path] : [path, label], line: index + 1 }];
  });
}

interface Columns {
  path: number;
  label: number;
}

/** Columns of a header, or undefined where the first row is a picture's. */
function columnsOf(list: string, { cells }: Cells): Columns | undefined {
  const names = cells.map((cell) => cell.toLowerCase());
  const find = (allowed: readonly string[]): number => {
    const found = allowed.find((name) => names.includes(name));
    return found === undefined ? -1 : names.indexOf(found);
  };
  const columns = { path: find(PATH_COLUMNS), label: find(LABEL_COLUMNS) };
  if (columns.path >= 0 && columns.label >= 0) return columns;
  if (cells.length === 2 && PICTURE_NAME.test(cells[0])) return undefined;
  const missing = columns.path < 0 ? "path" : "label";
  const others = columns.path < 0 ? PATH_COLUMNS : LABEL_COLUMNS;
  throw badList(
    list,
    `the header has no column "${missing}" (or ${others.slice(1).join(", ")}), only ` +
      cells
        .slice(0, 8)
        .map((cell) => `"${quote(cell)}"`)
        .join(", "),
  );
}

function rowsOfCells(list: string, table: readonly Cells[]): ListRow[] {
  if (table.length === 0) return [];
  const columns = columnsOf(list, table[0]);
  const { path, label } = columns ?? { path: 0, label: 1 };
  return table
    .slice(columns ? 1 : 0)
    .map(({ cells, line }) => ({ path: cells[path] ?? "", label: cells[label] ?? "", line }));
}

/** JSON lines, such as Hugging Face's metadata.jsonl. */
function rowsOfJson(list: string, text: string): ListRow[] {
  return text.split(LINE_END).flatMap((raw, index) => {
    if (raw.trim() === "") return [];
    const line = index + 1;
    let record: unknown;
    try {
      record = JSON.parse(raw);
    } catch {
      throw badList(list, `line ${line} is not JSON`, { line });
    }
    if (typeof record !== "object" || record === null)
      throw badList(list, `line ${line} is no object`, { line });
    const fields = new Map(
      Object.entries(record).map(([name, value]) => [name.toLowerCase(), value as unknown]),
    );
    const textOf = (allowed: readonly string[]): string => {
      const value = allowed.map((name) => fields.get(name)).find((found) => found !== undefined);
      if (typeof value === "string" || typeof value === "number") return String(value);
      throw badList(
        list,
        `line ${line} has no text or number "${allowed[0]}" (or ${allowed.slice(1).join(", ")})`,
        {
          line,
        },
      );
    };
    return [{ path: textOf(PATH_COLUMNS), label: textOf(LABEL_COLUMNS), line }];
  });
}

/** Rows of the list at `list`, in its order. Throws `data/bad-list` and what reading the file throws. */
export function readListRows(list: string): ListRow[] {
  const text = readText(list);
  if (text.trimStart().startsWith("{")) return rowsOfJson(list, text);
  const firstLine = /^.*$/m.exec(text.trimStart())?.[0] ?? "";
  const delimiter = delimiterOf(firstLine);
  return rowsOfCells(list, delimiter === undefined ? splitLines(text) : splitCells(list, text, delimiter));
}
