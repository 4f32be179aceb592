// Opens a data set: a folder of class folders, or a list file. Reads names and sizes, but no image.

import { createHash } from "node:crypto";
import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { entryAt } from "../../runtime/host/node-files.js";
import { readClassFolders } from "./class-folders.js";
import type { Dataset, Listing } from "./dataset.js";
import { readListFile } from "./list-file.js";

function fingerprintOf({ names, sizes, labels, classes }: Listing): string {
  const hash = createHash("sha256");
  hash.update(`vitrine data set 1\n${classes.length}\n`);
  for (const name of classes) hash.update(`${JSON.stringify(name)}\n`);
  names.forEach((name, i) => {
    hash.update(`${JSON.stringify(name)} ${sizes[i]} ${labels[i]}\n`);
  });
  return hash.digest("hex");
}

/** A refusal of the file system (permissions, a broken link, a folder that disappeared) becomes `file/unreadable`. */
function read(path: string, isFolder: boolean, onFiles: (files: number) => void): Listing {
  try {
    return isFolder ? readClassFolders(path, onFiles) : readListFile(path, onFiles);
  } catch (cause) {
    if (isVitrineError(cause)) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new VitrineError("file/unreadable", `${path}: ${quote(text)}`, { details: { path }, cause });
  }
}

/**
 * `onFiles` hears from time to time how many files have been listed. A folder with one folder per class, or a CSV file `path,label`. Throws `file/not-found`, `data/no-class-folders`,
 * `data/no-images`, `data/bad-list`, `data/missing-file`, `file/unreadable`.
 */
export function openDataset(path: string, onFiles: (files: number) => void = () => {}): Dataset {
  const entry = entryAt(path);
  if (!entry)
    throw new VitrineError(
      "file/not-found",
      `${quote(path)}: no such file or folder; a data set is a folder of class folders or a CSV list "path,label"`,
      { details: { path } },
    );
  const listing = read(path, entry.isDirectory(), onFiles);
  return { ...listing, path, fingerprint: fingerprintOf(listing) };
}
