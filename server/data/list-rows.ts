// List rows: a list of pictures as a path and a label each, from the spellings in which such lists are passed around: CSV
// with commas, semicolons or tabs, with a header in any case or without, `path label` lines, JSON lines; gzipped or not.

import { parse } from "csv-parse/sync";
import { quote } from "../../runtime/errors.js";
import { PICTURE_NAME } from "./file-names.js";
import { badList } from "./list-text.js";

export interface ListRow {
  path: string;
  label: string;
  /** Line of the file, from 1. */
  line: number;
}

/** Names of the two columns, the first one that a list has. */
const PATH_COLUMNS = ["path", "file_name", "filename", "file", "image", "image_path", "filepath"];
const LABEL_COLUMNS = ["label", "class", "class_name", "category", "target"];

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

/** Ends of lines on Unix, Windows and old Macs. */
const LINE_END = /\r\n?|\n/;

function splitCells(list: string, text: string, delimiter: string, linesBefore: number): Cells[] {
  // Without quotes a line is its cells; most lists have none, and csv-parse takes five times as long.
  if (!text.includes('"'))
    return text.split(LINE_END).flatMap((raw, index) => {
      if (raw.trim() === "") return [];
      const cells = raw.split(delimiter).map((cell) => cell.trim());
      return [{ cells, line: linesBefore + index + 1 }];
    });
  try {
    // With the option `info` each row is an object with its line; the typings know plain rows only.
    const parsed = parse(text, {
      delimiter,
      info: true,
      skip_empty_lines: true,
      trim: true,
      relax_column_count: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return parsed.map(({ record, info }) => ({ cells: record, line: linesBefore + info.lines }));
  } catch (cause) {
    const message = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
    const moved = message.replace(/\bline (\d+)/, (_, line) => `line ${linesBefore + Number(line)}`);
    throw badList(list, quote(moved));
  }
}

/** Lines of a path, which may have spaces, and a label, which has none: Caffe's and timm's lists. */
function splitLines(text: string, linesBefore: number): Cells[] {
  return text.split(LINE_END).flatMap((raw, index) => {
    const row = raw.trim();
    if (row === "") return [];
    // Without spaces around it, a row of any length is matched in linear time.
    const [, path, label] = /^(.*\S)\s+(\S+)$/s.exec(row) ?? [undefined, row, undefined];
    return [{ cells: label === undefined ? [path] : [path, label], line: linesBefore + index + 1 }];
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

/** JSON lines, such as Hugging Face's metadata.jsonl. */
function rowsOfJson(list: string, text: string, linesBefore: number): ListRow[] {
  return text.split(LINE_END).flatMap((raw, index) => {
    if (raw.trim() === "") return [];
    const line = linesBefore + index + 1;
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
      const others = allowed.slice(1).join(", ");
      throw badList(list, `line ${line} has no text or number "${allowed[0]}" (or ${others})`, { line });
    };
    return [{ path: textOf(PATH_COLUMNS), label: textOf(LABEL_COLUMNS), line }];
  });
}

/** How the rows of a list are read, which its first line decides. */
interface RowFormat {
  /** Whether a line end may be within quotes. */
  quoted: boolean;
  /** Consecutive pieces of whole rows → rows. */
  parse(text: string, linesBefore: number): ListRow[];
}

function formatOf(list: string, start: string): RowFormat {
  if (start.trimStart().startsWith("{"))
    return { quoted: false, parse: (text, before) => rowsOfJson(list, text, before) };
  const firstLine = /^.*$/m.exec(start.trimStart())?.[0] ?? "";
  const delimiter = delimiterOf(firstLine);
  let columns: Columns | undefined;
  return {
    quoted: delimiter !== undefined,
    parse(text, before) {
      let table =
        delimiter === undefined ? splitLines(text, before) : splitCells(list, text, delimiter, before);
      if (columns === undefined && table.length > 0) {
        const header = columnsOf(list, table[0]);
        columns = header ?? { path: 0, label: 1 };
        if (header) table = table.slice(1);
      }
      const { path, label } = columns ?? { path: 0, label: 1 };
      return table.map(({ cells, line }) => ({ path: cells[path] ?? "", label: cells[label] ?? "", line }));
    },
  };
}

/** Index behind the last line end within text[0 … end), 0 without one. "\r" at the end may be half of a line end. */
function lastLineEnd(text: string, end: number): number {
  const newline = text.lastIndexOf("\n", end - 1);
  const carriage = text.lastIndexOf("\r", Math.min(end, text.length - 1) - 1);
  return end < 1 ? 0 : Math.max(newline, carriage) + 1;
}

/** Length of the start of the text that has whole rows: up to the last line end that is not within quotes. */
function wholeRows(text: string): number {
  let end = lastLineEnd(text, text.length);
  let quotes = 0;
  for (let at = text.indexOf('"'); at >= 0 && at < end; at = text.indexOf('"', at + 1)) quotes++;
  while (quotes % 2 === 1) {
    const last = text.lastIndexOf('"', end - 1);
    const before = lastLineEnd(text, last);
    for (let at = text.lastIndexOf('"', end - 1); at >= before && at >= 0; ) {
      quotes--;
      at = at === 0 ? -1 : text.lastIndexOf('"', at - 1);
    }
    end = before;
  }
  return end;
}

/** Text of rows that are not whole yet; with more, a quote is taken to be missing. */
const LONGEST_ROWS = 2 ** 23;

function countLines(text: string): number {
  return text.split(LINE_END).length - 1;
}

/**
 * Rows of a list, in its order, some at a time; `list` is its name in messages. Throws `data/bad-list` and what reading
 * the text throws.
 */
export async function* readListRows(list: string, text: AsyncIterable<string>): AsyncGenerator<ListRow[]> {
  let format: RowFormat | undefined;
  let rest = "";
  let lines = 0;
  for await (const piece of text) {
    rest += piece;
    // Blank lines before the first row say nothing of the format.
    const start = rest.trimStart();
    if (start !== "" && (lastLineEnd(start, start.length) > 0 || rest.length > LONGEST_ROWS))
      format ??= formatOf(list, start);
    let end = format?.quoted ? wholeRows(rest) : lastLineEnd(rest, rest.length);
    if (start !== "" && format === undefined) end = 0;
    else if (rest.length > LONGEST_ROWS) end = rest.length;
    const whole = rest.slice(0, end);
    if (format) yield format.parse(whole, lines);
    lines += countLines(whole);
    rest = rest.slice(end);
  }
  yield (format ?? formatOf(list, rest)).parse(rest, lines);
}
