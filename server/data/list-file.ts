// List file: a data set as a list of pictures with a label each, in the list's own order; paths are relative to the list.

import { type Stats, statSync } from "node:fs";
import { dirname, normalize, resolve } from "node:path";
import { quote } from "../../runtime/errors.js";
import { LONGEST_LABEL } from "../../runtime/models/labels.js";
import { byCodePoint, type Listing, nameText } from "./dataset.js";
import { type ListRow, readListRows } from "./list-rows.js";
import { badList } from "./list-text.js";
import { ListingFaults } from "./listing-faults.js";
import { rowAt, type SampleTable, TableBuilder } from "./sample-table.js";

/** A larger index is treated as a mistake: each class costs a row of the classification head. */
const MAX_CLASSES = 1_000_000;

/** "1.0" is what pandas writes for 1 in a column with a gap. */
const INTEGER = /^[+-]?\d+(\.0*)?$/;
const NUMBER = /^[+-]?\d+\.\d+$/;

/** "1" and "1.0" are the same class. */
function isSameLabel(a: string, b: string): boolean {
  return a === b || (INTEGER.test(a) && INTEGER.test(b) && Number(a) === Number(b));
}

/** Throws `data/bad-list` for an empty or too long cell, and a fraction as a label. */
function checkRow(list: string, { path, label, line }: ListRow): void {
  if (path === "" || label === "")
    throw badList(list, `line ${line} has an empty ${path === "" ? "path" : "label"}`, { line });
  if (label.length > LONGEST_LABEL) {
    const length = label.length.toLocaleString("en-US");
    throw badList(list, `line ${line} has a label of ${length} characters; allowed: ${LONGEST_LABEL}`, {
      line,
    });
  }
  if (NUMBER.test(label) && !INTEGER.test(label))
    throw badList(list, `line ${line} has the label ${label}; allowed: whole numbers, or names`, { line });
}

/** Numbers that grow as they are added. */
class Numbers {
  #values = new Int32Array(1 << 10);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index];
  }

  mapped(value: (number: number) => number): Int32Array {
    const mapped = new Int32Array(new SharedArrayBuffer(4 * this.length));
    for (let i = 0; i < this.length; i++) mapped[i] = value(this.#values[i]);
    return mapped;
  }
}

/** FNV-1a of UTF-16 units, never 0. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0 || 1;
}

/** Finds samples by their path, in 16 bytes a sample: a Map of a million paths takes ten times as much. */
class PathTable {
  /** Hash and row + 1, twice as many pairs as rows. */
  #slots = new Uint32Array(1 << 12);
  #count = 0;
  readonly #table: SampleTable;

  constructor(table: SampleTable) {
    this.#table = table;
  }

  /** Row with the same path, or undefined after `row` was noted under it. "./a.jpg" and "b/../a.jpg" are "a.jpg". */
  findOrAdd(path: string, row: number): number | undefined {
    const picture = normalize(path);
    const hash = hashOf(picture);
    let slot = this.#slotOf(hash);
    for (; this.#slots[slot] !== 0; slot = (slot + 2) % this.#slots.length) {
      const other = this.#slots[slot + 1] - 1;
      if (this.#slots[slot] === hash && normalize(nameText(rowAt(this.#table, other).name)) === picture)
        return other;
    }
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = row + 1;
    if (4 * ++this.#count > this.#slots.length) this.#grow();
    return undefined;
  }

  #slotOf(hash: number): number {
    return 2 * (hash % (this.#slots.length / 2));
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0) continue;
      let slot = this.#slotOf(old[at]);
      while (this.#slots[slot] !== 0) slot = (slot + 2) % this.#slots.length;
      this.#slots[slot] = old[at];
      this.#slots[slot + 1] = old[at + 1];
    }
  }
}

/** Labels as numbers in the order in which they were first seen; a list has indices or names throughout. */
class Labels {
  readonly #list: string;
  readonly #numbers = new Map<string, number>();
  readonly texts: string[] = [];
  /** Line where each was first seen. */
  readonly #lines: number[] = [];
  /** Rows whose label is an index. */
  #numbered = 0;
  #rows = 0;

  constructor(list: string) {
    this.#list = list;
  }

  numberOf({ label, line }: ListRow): number {
    this.#rows++;
    let number = this.#numbers.get(label);
    if (number === undefined) {
      number = this.texts.length;
      // Names and spellings of indices: more than classes are allowed cannot be right.
      if (number >= 2 * MAX_CLASSES)
        throw badList(this.#list, `line ${line} has one label too many; allowed: ${MAX_CLASSES} classes`, {
          line,
        });
      this.#numbers.set(label, number);
      this.texts.push(label);
      this.#lines.push(line);
    }
    if (INTEGER.test(label)) this.#numbered++;
    return number;
  }

  /** Class index of each number, and the class names. Throws `data/bad-list`. */
  classes(): { indices: number[]; classes: string[] } {
    if (this.#numbered === 0) {
      const classes = [...this.texts].sort(byCodePoint);
      const index = new Map(classes.map((name, i) => [name, i]));
      return { classes, indices: this.texts.map((text) => index.get(text) as number) };
    }
    if (this.#numbered !== this.#rows) {
      const named = this.texts.findIndex((text) => !INTEGER.test(text));
      const line = this.#lines[named];
      throw badList(
        this.#list,
        `line ${line} has the class name "${quote(this.texts[named])}" where ${this.#numbered} other rows have an index`,
        { line },
      );
    }
    const indices = this.texts.map((text, number) => {
      const value = Number(text);
      if (value >= 0 && value < MAX_CLASSES) return value;
      const line = this.#lines[number];
      throw badList(
        this.#list,
        `line ${line} has class index ${quote(text)}; allowed: 0 to ${MAX_CLASSES - 1}`,
        { line },
      );
    });
    const largest = indices.reduce((a, b) => Math.max(a, b), 0);
    return { indices, classes: new Array<string>(largest + 1).fill("") };
  }
}

/** What the file system says of names that no file can have: they are too long, or have a NUL character. */
const IMPOSSIBLE_NAMES = ["ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

/** The file at a path, or why there is none that can be listed. */
function statOf(path: string): Stats | string {
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return "no such file (paths are relative to the list)";
    return entry.isFile() ? entry : "not a file";
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    return IMPOSSIBLE_NAMES.includes(code) ? "no such file, since no name can be like this" : quote(code);
  }
}

/** Files after which `onFiles` hears of them. */
const REPORT_INTERVAL = 4096;

/** Throws `data/bad-list`, and `data/missing-file` for rows whose files do not exist, unless `mayLeaveOut`. */
export async function readListFile(
  list: string,
  mayLeaveOut: boolean,
  onFiles: (files: number) => void,
): Promise<Listing> {
  const root = dirname(list);
  const table = new TableBuilder();
  const paths = new PathTable(table);
  const labels = new Labels(list);
  const faults = new ListingFaults();
  const numbers = new Numbers();
  const lines = new Numbers();
  for await (const rows of readListRows(list)) {
    for (const row of rows) {
      checkRow(list, row);
      const { path, label, line } = row;
      const number = labels.numberOf(row);
      const entry = statOf(resolve(root, path));
      if (typeof entry === "string") {
        faults.add(`line ${line}: ${quote(path)}: ${entry}`);
        continue;
      }
      const same = paths.findOrAdd(path, table.count);
      const other = same === undefined ? label : labels.texts[numbers.at(same)];
      if (same !== undefined && !isSameLabel(other, label))
        throw badList(
          list,
          `lines ${lines.at(same)} and ${line} give "${quote(path)}" the labels "${quote(other)}" and "${quote(label)}"`,
          { line },
        );
      table.add(path, entry.size, entry.mtimeMs);
      numbers.push(number);
      lines.push(line);
      if (table.count % REPORT_INTERVAL === 0) onFiles(table.count);
    }
  }
  const { indices, classes } = labels.classes();
  const leftOut = faults.settle(`${list}: `, "data/missing-file", list, mayLeaveOut);
  if (table.count === 0)
    throw badList(list, `the list has no images${leftOut === "" ? "" : `, since ${leftOut}`}`);
  return {
    root,
    table: table.finish(),
    labels: numbers.mapped((number) => indices[number]),
    classes,
    otherFiles: 0,
    otherKinds: "",
    leftOut,
  };
}
