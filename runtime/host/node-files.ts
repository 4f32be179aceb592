// Files that users name, read whole: regular files up to a size. A FIFO or a socket may never end or never begin, and
// /dev/zero has no end; all of them open at once here and are refused.

import {
  closeSync,
  constants,
  fstatSync,
  type OpenMode,
  openSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { quote, VitrineError } from "../errors.js";

/** Flags of open(): opening a FIFO without these waits for a writer. Windows has neither. */
export const OPEN_TO_READ: OpenMode = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** One call of the system reads at most 2 GiB. */
export const LARGEST_READ = 2 ** 30;

/** Bytes of the next read where a file says nothing of its size, as those of /proc. */
const UNKNOWN_SIZE = 64 * 1024;

/** Files of JSON, YAML and CSV that describe a model or a run: 21,843 class names with descriptions take 2 MB. */
export const LARGEST_TEXT = 16 * 2 ** 20;

/** A photo: more than any camera's JPEG. */
export const LARGEST_PHOTO = 2 ** 29;

/** Weights are one array, whose length is below 4 GiB in every engine. */
export const LARGEST_WEIGHTS = 2 ** 32 - 2 ** 20;

/** The file or folder at a path; undefined where there is none. Throws `file/unreadable` where that cannot be told. */
export function entryAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const text = `${quote(path)}: cannot be read (${reason}); check the path and its permissions`;
    throw new VitrineError("file/unreadable", text, { cause, details: { path } });
  }
}

/** What is at a path, where it is no regular file. */
function kindOf(entry: Stats): string | null {
  if (entry.isFile()) return null;
  if (entry.isDirectory()) return "a folder";
  if (entry.isFIFO()) return "a FIFO (a pipe)";
  if (entry.isSocket()) return "a socket";
  return "a device";
}

function refused(path: string, got: string, limit: number): VitrineError {
  const most = Number.isFinite(limit) ? ` of at most ${limit.toLocaleString("en-US")} bytes` : "";
  const text = `${quote(path)}: ${got}; allowed: a regular file${most}`;
  return new VitrineError("file/unreadable", text, { details: { path, limit } });
}

/** Throws `file/unreadable` unless it is a regular file, of which at most `limit` bytes are wanted; by default all. */
export function checkEntry(entry: Stats, path: string, limit: number, size = entry.size): void {
  const kind = kindOf(entry);
  if (kind !== null) throw refused(path, kind, limit);
  if (size > limit) throw refused(path, `${size.toLocaleString("en-US")} bytes`, limit);
}

/** Collects what is read: as much as the file had when it was opened, or up to its end where it does not say. */
class Collected {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #knowsSize: boolean;
  readonly #path: string;
  readonly #limit: number;

  /** `size`: 0 where it is not known. */
  constructor(size: number, path: string, limit: number) {
    this.#knowsSize = size > 0;
    this.#bytes = new Uint8Array(size > 0 ? size : UNKNOWN_SIZE);
    this.#path = path;
    this.#limit = limit;
  }

  /** Where the next bytes go; empty where everything is there. */
  space(): Uint8Array<ArrayBuffer> {
    if (this.#length === this.#bytes.length && !this.#knowsSize) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return this.#bytes.subarray(this.#length, this.#length + LARGEST_READ);
  }

  /** Takes note of bytes that were read; false at the end. */
  add(read: number): boolean {
    this.#length += read;
    if (this.#length > this.#limit) throw refused(this.#path, "more bytes than that", this.#limit);
    return read > 0;
  }

  /** An array of its own, at the start of its buffer. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }
}

/** The error for a path that could not be opened or read; null where nothing is there. */
export function fileFailure(path: string, limit: number, cause: unknown): VitrineError | null {
  if (cause instanceof VitrineError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return null;
  // A socket cannot be opened, and Windows does not open a folder.
  const kind = code === "ENXIO" ? "a socket or a device" : null;
  if (kind !== null || code === "EISDIR") return refused(path, kind ?? "a folder", limit);
  return new VitrineError("file/unreadable", `${quote(path)}: ${quote(message)}`, {
    cause,
    details: { path },
  });
}

/**
 * The bytes of a regular file of at most `limit` bytes; null where nothing is at the path. Throws `file/unreadable` for
 * anything else, which it neither waits for nor reads.
 */
export async function readFileIfAny(path: string, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const file = await open(path, OPEN_TO_READ);
    try {
      const entry = await file.stat();
      checkEntry(entry, path, limit);
      const collected = new Collected(entry.size, path, limit);
      while (collected.add((await file.read(collected.space())).bytesRead));
      return collected.bytes();
    } finally {
      await file.close();
    }
  } catch (cause) {
    const error = fileFailure(path, limit, cause);
    if (error) throw error;
    return null;
  }
}

/** As `readFileIfAny`, at once. `most`: no more than its first bytes, of a file of any size. */
export function readFileIfAnySync(
  path: string,
  limit: number,
  most?: number,
): Uint8Array<ArrayBuffer> | null {
  try {
    const file = openSync(path, OPEN_TO_READ);
    try {
      const entry = fstatSync(file);
      checkEntry(entry, path, most === undefined ? limit : Number.POSITIVE_INFINITY);
      const collected = new Collected(Math.min(entry.size, most ?? entry.size), path, limit);
      while (collected.add(readSync(file, collected.space())));
      return collected.bytes();
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const error = fileFailure(path, limit, cause);
    if (error) throw error;
    return null;
  }
}

/** `what` follows "no such file" in the text. */
export function missingFile(path: string, what: string): VitrineError {
  return new VitrineError("file/not-found", `${quote(path)}: no such file${what}`, { details: { path } });
}

/** As `readFileIfAny`; throws `file/not-found` as well. `what` follows "no such file" in its text. */
export async function readWholeFile(
  path: string,
  limit: number,
  what = "",
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFileIfAny(path, limit);
  if (bytes === null) throw missingFile(path, what);
  return bytes;
}

/** As `readWholeFile`, at once. */
export function readWholeFileSync(path: string, limit: number, what = ""): Uint8Array<ArrayBuffer> {
  const bytes = readFileIfAnySync(path, limit);
  if (bytes === null) throw missingFile(path, what);
  return bytes;
}

/** The first bytes of a regular file of any size, at most `most`. Throws what `readWholeFile` throws. */
export function readStartSync(path: string, most: number, what = ""): Uint8Array<ArrayBuffer> {
  const bytes = readFileIfAnySync(path, most, most);
  if (bytes === null) throw missingFile(path, what);
  return bytes;
}
