// Open files: regular files that are read at any place, by programs that know how much they need.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { checkEntry, fileFailure, LARGEST_READ, missingFile, OPEN_TO_READ } from "./node-files.js";

export interface OpenFile {
  /** Its length when it was opened. */
  readonly bytes: number;
  /** Fills `into` with the bytes from `position` on; returns how many came, fewer only where the file ends. */
  readAt(into: Uint8Array, position: number): number;
  close(): void;
}

/** Throws `file/not-found`, and `file/unreadable` for anything but a regular file of at most `limit` bytes. */
export function openFileSync(path: string, limit = Number.POSITIVE_INFINITY): OpenFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, OPEN_TO_READ);
  } catch (cause) {
    throw fileFailure(path, limit, cause) ?? missingFile(path, "");
  }
  const close = (): void => closeSync(descriptor);
  try {
    const entry = fstatSync(descriptor);
    checkEntry(entry, path, limit);
    return { bytes: entry.size, readAt: (into, position) => readFully(descriptor, into, position), close };
  } catch (error) {
    close();
    throw error;
  }
}

function readFully(descriptor: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const most = Math.min(LARGEST_READ, into.length - done);
    const came = readSync(descriptor, into, done, most, position + done);
    if (came === 0) break;
    done += came;
  }
  return done;
}
