// Opens a data set: a folder of class folders, a list file, or an index of either. Reads names and sizes, but no image.

import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { entryAt } from "../../runtime/host/node-files.js";
import { readClassFolders } from "./class-folders.js";
import type { Dataset, Listing } from "./dataset.js";
import { fingerprintOf } from "./fingerprint.js";
import { isIndexFile, readIndexFile } from "./index-file.js";
import { readListFile } from "./list-file.js";
import type { BadSamples } from "./reading-policy.js";

export interface OpenOptions {
  /** What cannot be listed is an error with `fail`, the default, and left out otherwise. */
  badSamples?: BadSamples | undefined;
  /** Hears from time to time how many files have been listed. */
  onFiles?: (files: number) => void;
}

/** A refusal of the file system (permissions, a folder that disappeared) becomes `file/unreadable`. */
function unreadable(path: string, cause: unknown): VitrineError {
  if (isVitrineError(cause)) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new VitrineError("file/unreadable", `${path}: ${quote(text)}`, { details: { path }, cause });
}

/**
 * A folder with one folder per class, a CSV file `path,label`, or what `vitrine dataset index` wrote. Throws
 * `file/not-found`, `data/no-class-folders`, `data/no-images`, `data/bad-list`, `data/missing-file`, `data/bad-index`,
 * `file/unreadable`.
 */
export async function openDataset(
  path: string,
  { badSamples = "fail", onFiles = () => {} }: OpenOptions = {},
): Promise<Dataset> {
  const entry = entryAt(path);
  if (!entry)
    throw new VitrineError(
      "file/not-found",
      `${quote(path)}: no such file or folder; a data set is a folder of class folders or a CSV list "path,label"`,
      { details: { path } },
    );
  const mayLeaveOut = badSamples !== "fail";
  try {
    if (entry.isFile() && isIndexFile(path)) return readIndexFile(path);
    const listing: Listing = entry.isDirectory()
      ? readClassFolders(path, mayLeaveOut, onFiles)
      : await readListFile(path, mayLeaveOut, onFiles);
    return { ...listing, path, samples: listing.table.count, fingerprint: fingerprintOf(listing) };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
