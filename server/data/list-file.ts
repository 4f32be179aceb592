// List file: a data set as a list of pictures with a label each, in the list's own order; paths are relative to the list.

import { randomInt } from "node:crypto";
import { type Stats, statSync } from "node:fs";
import { dirname, normalize, resolve } from "node:path";
import { quote } from "../../runtime/errors.js";
import { ClassLabels, isSameLabel, labelFault, Numbers } from "./class-labels.js";
import type { Listing } from "./dataset.js";
import { nameText } from "./file-names.js";
import { fnv1a } from "./fnv1a.js";
import { type ListRow, readListRows } from "./list-rows.js";
import { badList, readListText } from "./list-text.js";
import { ListingFaults } from "./listing-faults.js";
import { rowAt, type SampleTable, TableBuilder } from "./sample-table.js";

/** Throws `data/bad-list` for an empty or too long cell, and a fraction as a label. */
function checkRow(list: string, { path, label, line }: ListRow): void {
  const fault = path === "" ? "an empty path" : labelFault(label);
  if (fault !== undefined) throw badList(list, `line ${line} has ${fault}`, { line });
}

/** Drawn in each process, so that no list can be written whose paths have the same hash. */
const HASH_BASIS = randomInt(2 ** 32);

/** Never 0. */
const hashOf = (text: string): number => fnv1a(text, HASH_BASIS) || 1;

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

/** What the file system says of names that no file can have: they are too long, or have a NUL character. */
const IMPOSSIBLE_NAMES = ["ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];

/** A list and what it names, on a drive or elsewhere. */
export interface ListSource {
  /** What messages call the list. */
  name: string;
  /** What the paths are relative to. */
  root: string;
  text: AsyncIterable<string>;
  /** For each path, what is there, or in words why there is nothing that can be listed. */
  stat(paths: readonly string[]): Promise<(ListedFile | string)[]> | (ListedFile | string)[];
}

interface ListedFile {
  size: number;
  mtimeMs: number;
}

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

/** Files between two calls of `onFiles`. */
const REPORT_INTERVAL = 4096;

/** As `readList`, of files on a drive. */
export function readListFile(
  list: string,
  mayLeaveOut: boolean,
  onFiles: (files: number) => void,
): Promise<Listing> {
  const root = dirname(list);
  const stat = (paths: readonly string[]) => paths.map((path) => statOf(resolve(root, path)));
  return readList({ name: list, root, text: readListText(list), stat }, mayLeaveOut, onFiles);
}

/** Throws `data/bad-list`, and `data/missing-file` for rows whose files do not exist, unless `mayLeaveOut`. */
export async function readList(
  { name: list, root, text, stat }: ListSource,
  mayLeaveOut: boolean,
  onFiles: (files: number) => void,
): Promise<Listing> {
  const table = new TableBuilder();
  const paths = new PathTable(table);
  const labels = new ClassLabels((where, has) => badList(list, `${where} has ${has}`));
  const faults = new ListingFaults();
  const numbers = new Numbers();
  const lines = new Numbers();
  for await (const rows of readListRows(list, text)) {
    for (const row of rows) checkRow(list, row);
    const entries = await stat(rows.map(({ path }) => path));
    for (const [index, row] of rows.entries()) {
      const { path, label, line } = row;
      const number = labels.numberOf(label, `line ${line}`);
      const entry = entries[index];
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
