// Class folders: a data set with one folder per class; the class index is the folder's rank by code point.

import { type Dirent, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { quote, VitrineError } from "../../runtime/errors.js";
import type { Listing } from "./dataset.js";
import { byCodePoint } from "./dataset.js";

const IMAGE = /\.jpe?g$/i;

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

interface Found {
  images: string[];
  others: number;
}

/** Names below `root`/`folder`, as "folder/…/file". */
function imagesBelow(root: string, folder: string): Found {
  const found: Found = { images: [], others: 0 };
  for (const entry of entriesOf(join(root, folder))) {
    const name = `${folder}/${entry.name}`;
    const target = entry.isSymbolicLink() ? statSync(join(root, name)) : entry;
    if (target.isDirectory()) {
      const below = imagesBelow(root, name);
      for (const image of below.images) found.images.push(image);
      found.others += below.others;
    } else if (target.isFile() && IMAGE.test(entry.name)) found.images.push(name);
    else found.others += 1;
  }
  return found;
}

function classNames(root: string): { classes: string[]; looseFiles: number } {
  const entries = entriesOf(root);
  const folders = entries.filter(
    (entry) =>
      entry.isDirectory() || (entry.isSymbolicLink() && statSync(join(root, entry.name)).isDirectory()),
  );
  const classes = folders.map(({ name }) => name).sort(byCodePoint);
  return { classes, looseFiles: entries.length - folders.length };
}

function noImages(root: string, classes: string[], others: number): VitrineError {
  const reason =
    classes.length === 0
      ? others === 0
        ? "the folder is empty"
        : `the folder has ${others} files and no class folders`
      : `no .jpg or .jpeg files in its ${classes.length} class folders (${others} other files)`;
  return new VitrineError(
    classes.length === 0 ? "data/no-class-folders" : "data/no-images",
    `${root}: ${reason}; a data set is a folder with one folder of JPEG files per class, or a CSV list "path,label"`,
    { details: { path: root, classFolders: classes.length, otherFiles: others } },
  );
}

/** Throws `data/no-class-folders`, `data/no-images`. A class folder without images keeps its index. */
export function readClassFolders(root: string, onFiles: (files: number) => void): Listing {
  const { classes, looseFiles } = classNames(root);
  const names: string[] = [];
  const labels: number[] = [];
  let otherFiles = looseFiles;
  classes.forEach((folder, label) => {
    const { images, others } = imagesBelow(root, folder);
    otherFiles += others;
    for (const name of images.sort(byCodePoint)) {
      names.push(name);
      labels.push(label);
    }
    onFiles(names.length);
  });
  if (names.length === 0) throw noImages(root, classes, otherFiles);
  const sizes = Float64Array.from(names, (name) => statSync(join(root, name)).size);
  return { root, names, labels: Int32Array.from(labels), classes, otherFiles, sizes };
}
