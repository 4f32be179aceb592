// Class folders: a data set with one folder per class; the class index is the folder's rank by code point.

import { isUtf8 } from "node:buffer";
import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { counted } from "../../runtime/batches/class-counts.js";
import { byCodePoint } from "../../runtime/batches/code-point-order.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { readStartSync } from "../../runtime/host/node-files.js";
import { isPictureFormat, PICTURE_FORMATS, pictureKind } from "../../runtime/image/picture-format.js";
import type { Listing } from "./dataset.js";
import { nameText, PICTURE_NAME } from "./file-names.js";
import { ListingFaults } from "./listing-faults.js";
import { OtherFiles } from "./other-files.js";
import { TableBuilder } from "./sample-table.js";

/** A file without an ending is what its first bytes say; that of any other ending is not opened here. */
function isPicture(path: Name, name: Name): boolean {
  const ending = extname(textOf(name));
  if (ending !== "" || typeof path !== "string") return PICTURE_NAME.test(ending);
  return isPictureFormat(pictureKind(readStartSync(path, START_BYTES)));
}

const START_BYTES = 1024;
/** A name of a file or folder: bytes where they are not UTF-8. */
type Name = string | Buffer;

const textOf = (name: Name): string => (typeof name === "string" ? name : nameText(name));
const bytesOf = (name: Name): Buffer => (typeof name === "string" ? Buffer.from(name) : name);

function joined(folder: Name, name: Name): Name {
  if (typeof folder === "string" && typeof name === "string") return `${folder}/${name}`;
  return Buffer.concat([bytesOf(folder), Buffer.from("/"), bytesOf(name)]);
}

/** By code point, which is the order of UTF-8's bytes. */
function byName(a: Name, b: Name): number {
  if (typeof a === "string" && typeof b === "string") return byCodePoint(a, b);
  return Buffer.compare(bytesOf(a), bytesOf(b));
}

interface Entry {
  name: Name;
  dirent: Dirent;
}

/** Entries that count: those whose name starts with a dot do not. */
function entriesOf(folder: Name): Entry[] {
  const dirents = readdirSync(folder, { withFileTypes: true });
  // Node shows what is not UTF-8 with this character, under which no file can be opened.
  const entries = dirents.some(({ name }) => name.includes("\ufffd"))
    ? rawEntries(folder)
    : dirents.map((dirent) => ({ name: dirent.name, dirent }));
  return entries.filter(({ name }) => (typeof name === "string" ? name[0] !== "." : name[0] !== DOT));
}

const DOT = 0x2e;

function rawEntries(folder: Name): Entry[] {
  // The typings of Node 20 know no names of bytes.
  const dirents = readdirSync(folder, { withFileTypes: true, encoding: "buffer" as "utf8" });
  return dirents.map((dirent) => {
    const bytes = dirent.name as unknown as Buffer;
    return { name: isUtf8(bytes) ? bytes.toString() : bytes, dirent };
  });
}

/** What the system says of a path that cannot be listed, in words. */
function reasonOf(cause: unknown): string {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return "a link to nothing, or removed meanwhile";
  if (code === "ELOOP") return "a link that leads back to itself";
  return code === "EACCES" || code === "EPERM" ? `no permission to read it (${code})` : quote(code);
}

/** Reads class folders: pictures go to `table`, files of other kinds to `others`, what cannot be listed to `faults`. */
class FolderReader {
  readonly others = new OtherFiles();
  readonly faults = new ListingFaults();
  readonly table = new TableBuilder();
  readonly #root: string;
  /** Real paths of the folders that are being read, the outermost first. */
  readonly #open: string[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  #pathOf(name: Name): Name {
    return typeof name === "string"
      ? join(this.#root, name)
      : Buffer.concat([Buffer.from(join(this.#root, "/")), name]);
  }

  /** The result of `read`, or undefined where the system refuses it. */
  #try<T>(name: Name, read: (path: Name) => T): T | undefined {
    try {
      return read(this.#pathOf(name));
    } catch (cause) {
      this.faults.add(`${quote(join(this.#root, textOf(name)))}: ${reasonOf(cause)}`);
      return undefined;
    }
  }

  /** Names of the class folders, in order. */
  classFolders(): Name[] {
    const folders: Name[] = [];
    for (const { name, dirent } of entriesOf(this.#root)) {
      const target = dirent.isSymbolicLink() ? this.#try(name, (path) => statSync(path)) : dirent;
      if (target?.isDirectory()) folders.push(name);
      else if (target) this.others.addKind("outside the class folders");
    }
    return folders.sort(byName);
  }

  /** Adds the pictures below a class folder to the table, in order. */
  readClass(folder: Name): void {
    const images: Name[] = [];
    this.#readBelow(folder, images);
    for (const name of images.sort(byName)) {
      const entry = this.#try(name, (path) => statSync(path));
      if (entry) this.table.add(name, entry.size, entry.mtimeMs);
    }
  }

  #readBelow(folder: Name, images: Name[]): void {
    const real = this.#try(folder, (path) =>
      realpathSync.native(path, { encoding: "buffer" }).toString("latin1"),
    );
    if (real === undefined) return;
    if (this.#open.some((open) => open === real || open.startsWith(`${real}${sep}`))) {
      this.faults.add(`${quote(join(this.#root, textOf(folder)))}: a link to a folder that it is in`);
      return;
    }
    this.#open.push(real);
    for (const { name: own, dirent } of this.#try(folder, entriesOf) ?? []) {
      const name = joined(folder, own);
      const target = dirent.isSymbolicLink() ? this.#try(name, (path) => statSync(path)) : dirent;
      if (target?.isDirectory()) this.#readBelow(name, images);
      else if (target?.isFile() && isPicture(this.#pathOf(name), own)) images.push(name);
      else if (target) this.others.add(textOf(own));
    }
    this.#open.pop();
  }
}

export function noImages(root: string, classes: string[], others: OtherFiles, leftOut: string): VitrineError {
  const { total } = others;
  const files = counted(total, "file", "files");
  const folders = counted(classes.length, "class folder", "class folders");
  const reason =
    classes.length === 0
      ? total === 0
        ? "the folder is empty"
        : `the folder has ${files} and no class folders`
      : total === 0
        ? `its ${folders} ${classes.length === 1 ? "is" : "are"} empty`
        : `its ${folders} ${classes.length === 1 ? "has" : "have"} ${files} (${others.describe()}) and no pictures`;
  const kinds = `pictures are ${PICTURE_FORMATS.join(", ")} files${leftOut === "" ? "" : `; ${leftOut}`}`;
  return new VitrineError(
    classes.length === 0 ? "data/no-class-folders" : "data/no-images",
    `${quote(root)}: ${reason}; a data set is a folder with one folder of pictures per class, or a CSV list ` +
      `"path,label"; ${kinds}`,
    { details: { path: root, classFolders: classes.length, otherFiles: total } },
  );
}

/**
 * Throws `data/no-class-folders`, `data/no-images`, and `file/unreadable` where something cannot be listed, unless
 * `mayLeaveOut`. A class folder without images keeps its index.
 */
export function readClassFolders(
  root: string,
  mayLeaveOut: boolean,
  onFiles: (files: number) => void,
): Listing {
  const reader = new FolderReader(root);
  const folders = reader.classFolders();
  const classes = folders.map(textOf);
  const counts = folders.map((folder) => {
    const before = reader.table.count;
    reader.readClass(folder);
    onFiles(reader.table.count);
    return reader.table.count - before;
  });
  const { others, faults } = reader;
  const leftOut = faults.settle("", "file/unreadable", root, mayLeaveOut);
  const table = reader.table.finish();
  if (table.count === 0) throw noImages(root, classes, others, leftOut);
  const labels = new Int32Array(new SharedArrayBuffer(4 * table.count));
  let first = 0;
  counts.forEach((count, label) => {
    labels.fill(label, first, first + count);
    first += count;
  });
  const otherFiles = others.total;
  return { root, table, labels, classes, otherFiles, otherKinds: others.describe(), leftOut };
}
