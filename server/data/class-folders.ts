// Class folders: a data set with one folder per class; the class index is the folder's rank by code point.

import { type Dirent, existsSync, readdirSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { counted } from "../../runtime/batches/class-counts.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { readStartSync } from "../../runtime/host/node-files.js";
import { isPictureFormat, PICTURE_FORMATS, pictureKind } from "../../runtime/image/picture-format.js";
import { byCodePoint, type Listing, PICTURE_NAME } from "./dataset.js";

/** A file without an ending is what its first bytes say; that of any other ending is not opened here. */
function isPicture(path: string, name: string): boolean {
  const ending = extname(name);
  if (ending !== "") return PICTURE_NAME.test(ending);
  return isPictureFormat(pictureKind(readStartSync(path, START_BYTES)));
}

const START_BYTES = 1024;
/** As many endings are named in a text. */
const MOST_ENDINGS = 4;

/** Files that were left out, by their endings. */
class Others {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#count(extname(name).toLowerCase() || "without an ending");
  }

  /** A file beside the class folders. */
  addLoose(): void {
    this.#count("outside the class folders");
  }

  #count(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** "30 .heic, 5 .txt", the most frequent first. */
  describe(): string {
    const sorted = [...this.#counts].sort(([a, n], [b, m]) => m - n || byCodePoint(a, b));
    const named = sorted.slice(0, MOST_ENDINGS).map(([ending, count]) => `${count} ${quote(ending)}`);
    return named.join(", ") + (sorted.length > MOST_ENDINGS ? ", …" : "");
  }
}

/**
 * Entries that count: those whose name starts with a dot do not. Throws `file/unreadable` for a name that is not UTF-8,
 * which Node shows with replacement characters, under which no file can be opened.
 */
function entriesOf(folder: string): Dirent[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  const lost = entries.find(({ name }) => name.includes("\ufffd") && !existsSync(join(folder, name)));
  if (!lost) return entries;
  const text = `${quote(join(folder, lost.name))}: a name that is not UTF-8; rename it, or remove it`;
  throw new VitrineError("file/unreadable", text, { details: { path: folder } });
}

/** Adds the names below `root`/`folder`, as "folder/…/file", to `images`, and other files to `others`. */
function readBelow(root: string, folder: string, images: string[], others: Others): void {
  for (const entry of entriesOf(join(root, folder))) {
    const name = `${folder}/${entry.name}`;
    const target = entry.isSymbolicLink() ? statSync(join(root, name)) : entry;
    if (target.isDirectory()) readBelow(root, name, images, others);
    else if (target.isFile() && isPicture(join(root, name), entry.name)) images.push(name);
    else others.add(entry.name);
  }
}

function classNames(root: string, others: Others): string[] {
  const classes: string[] = [];
  for (const entry of entriesOf(root)) {
    const isFolder =
      entry.isDirectory() || (entry.isSymbolicLink() && statSync(join(root, entry.name)).isDirectory());
    if (isFolder) classes.push(entry.name);
    else others.addLoose();
  }
  return classes.sort(byCodePoint);
}

function noImages(root: string, classes: string[], others: Others): VitrineError {
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
  const kinds = `pictures are ${PICTURE_FORMATS.join(", ")} files`;
  return new VitrineError(
    classes.length === 0 ? "data/no-class-folders" : "data/no-images",
    `${quote(root)}: ${reason}; a data set is a folder with one folder of pictures per class, or a CSV list ` +
      `"path,label"; ${kinds}`,
    { details: { path: root, classFolders: classes.length, otherFiles: total } },
  );
}

/** Throws `data/no-class-folders`, `data/no-images`. A class folder without images keeps its index. */
export function readClassFolders(root: string, onFiles: (files: number) => void): Listing {
  const others = new Others();
  const classes = classNames(root, others);
  const names: string[] = [];
  const labels: number[] = [];
  classes.forEach((folder, label) => {
    const images: string[] = [];
    readBelow(root, folder, images, others);
    for (const name of images.sort(byCodePoint)) {
      names.push(name);
      labels.push(label);
    }
    onFiles(names.length);
  });
  if (names.length === 0) throw noImages(root, classes, others);
  const sizes = new Float64Array(names.length);
  const modified = new Float64Array(names.length);
  for (const [index, name] of names.entries()) {
    const entry = statSync(join(root, name));
    sizes[index] = entry.size;
    modified[index] = entry.mtimeMs;
  }
  return {
    ...{ root, names, labels: Int32Array.from(labels), classes, sizes, modified },
    otherFiles: others.total,
    otherKinds: others.describe(),
  };
}
