// Reading of samples: the one place where the bytes of a data set's pictures are read. The file is compared with what it
// was when it was listed; FIFOs and devices are never waited for.
//
// A read takes two steps in libuv's threads, opening and reading, during which the caller's thread decodes. What an open
// file says of itself takes no drive, so that it is asked at once: each step more would have to wait for the thread's
// next turn, behind a picture that is being decoded.

import { createHash } from "node:crypto";
import { closeSync, fstatSync, open, openSync, read, readSync, type Stats } from "node:fs";
import { displayPath, isRemote } from "../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import {
  checkEntry,
  fileFailure,
  LARGEST_PHOTO,
  missingFile,
  OPEN_TO_READ,
} from "../../runtime/host/node-files.js";
import type { RemoteSource } from "./remote/contract.js";
import { fileChanged, PLANAR_32_BYTES, type SampleLocation } from "./sample-location.js";

export interface ReadOptions {
  /** No more than this many of the first bytes, of a sample of any size. */
  most?: number | undefined;
  /**
   * Reads in the calling thread, and blocks it. All threads of a process read in the same few threads of libuv; after a
   * drive has kept some of them, one that does not answer must keep no more than the thread that asks.
   */
  blocking?: boolean;
  /** For samples at URLs. */
  remote?: RemoteSource | undefined;
}

/** Bytes from `start` on, `length` of them. */
interface Span {
  start: number;
  length: number;
}

const DISAPPEARED = "; it existed when the data set was opened";

const count = (bytes: number): string => bytes.toLocaleString("en-US");

const changed = ({ file, name }: SampleLocation, what: string): VitrineError =>
  fileChanged(quote(name), displayPath(file), what);

/** "2026-11-30 08:15:00.123", UTC. */
const timeOf = (ms: number): string => new Date(ms).toISOString().replace("T", " ").replace("Z", "");

/** Throws `data/file-changed` where the open file is not the listed one. */
function requireUnchanged(location: SampleLocation, { size, mtimeMs }: Stats): void {
  const { expected } = location;
  if (!expected) return;
  if (expected.bytes !== size)
    throw changed(location, `it had ${count(expected.bytes)} bytes, now ${count(size)}`);
  if (expected.modifiedMs !== undefined && expected.modifiedMs !== mtimeMs)
    throw changed(
      location,
      `it was modified at ${timeOf(expected.modifiedMs)}, now ${timeOf(mtimeMs)} (UTC)`,
    );
}

/** Throws `data/file-changed` where the bytes are not those that were indexed. */
function requireContent(location: SampleLocation, bytes: Uint8Array): void {
  const sha256 = location.expected?.sha256;
  if (sha256 === undefined || createHash("sha256").update(bytes).digest("hex") === sha256) return;
  throw changed(location, "its SHA-256 is another one");
}

/** The bytes to read of the open file, each of which is there. Throws `file/unreadable`, `data/file-changed`. */
function spanOf(location: SampleLocation, entry: Stats, most: number | undefined): Span {
  const { file, offset: start = 0 } = location;
  checkEntry(entry, file, Number.POSITIVE_INFINITY);
  requireUnchanged(location, entry);
  const { length = entry.size - start } = location;
  if (length < 0 || start + length > entry.size) {
    const wanted = `bytes ${count(start)} to ${count(start + length)} are needed`;
    throw changed(location, `${wanted}, and it has ${count(entry.size)}`);
  }
  if (most !== undefined) return { start, length: Math.min(most, length) };
  checkEntry(entry, file, LARGEST_PHOTO, length);
  return { start, length };
}

const openFile = (path: string | Buffer): Promise<number> =>
  new Promise((resolve, reject) => {
    open(path, OPEN_TO_READ, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });

/** Number of bytes that came: at least 1, except at the end of the file. */
const readSome = (descriptor: number, into: Uint8Array, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    read(descriptor, into, 0, into.length, position, (error, bytesRead) =>
      error ? reject(error) : resolve(bytesRead),
    );
  });

async function readFrom(
  descriptor: number,
  location: SampleLocation,
  { most, blocking }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { start, length } = spanOf(location, fstatSync(descriptor), most);
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const rest = bytes.subarray(done);
    const position = start + done;
    const came = blocking
      ? readSync(descriptor, rest, 0, rest.length, position)
      : await readSome(descriptor, rest, position);
    if (came === 0) throw changed(location, `it ends at byte ${count(position)}`);
    done += came;
  }
  return bytes;
}

function readRemote(
  { file: url, offset, length, expected }: SampleLocation,
  { remote, most }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!remote) throw new VitrineError("internal/unexpected", "no reader of remote files was opened");
  return remote.read({ url, offset, length, most, expected });
}

async function readLocal(location: SampleLocation, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { file, pathBytes } = location;
  // Buffers arrive from other threads as plain arrays.
  const path = pathBytes ? Buffer.from(pathBytes) : file;
  try {
    const descriptor = options.blocking ? openSync(path, OPEN_TO_READ) : await openFile(path);
    try {
      return await readFrom(descriptor, location, options);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw fileFailure(file, LARGEST_PHOTO, cause) ?? missingFile(file, DISAPPEARED);
  }
}

const PPM_HEADER = Buffer.from("P6 32 32 255\n");

/** A CIFAR picture as a PPM file, which decoders read. */
function ppmOfPlanes(planes: Uint8Array): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(PPM_HEADER.length + PLANAR_32_BYTES);
  file.set(PPM_HEADER);
  const plane = PLANAR_32_BYTES / 3;
  for (let pixel = 0; pixel < plane; pixel++)
    for (let color = 0; color < 3; color++)
      file[PPM_HEADER.length + 3 * pixel + color] = planes[color * plane + pixel];
  return file;
}

/**
 * Bytes of a sample as a file of a picture format, an array of its own. Throws `file/not-found`, `file/unreadable` for
 * anything but a regular file and for more than 512 MiB, `data/file-changed`, and what `RemoteReader.read` throws.
 */
export async function readSample(
  location: SampleLocation,
  options: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { layout } = location;
  const asked = layout === undefined ? options : { ...options, most: undefined };
  const bytes = isRemote(location.file)
    ? await readRemote(location, asked)
    : await readLocal(location, asked);
  if (asked.most === undefined) requireContent(location, bytes);
  return layout === undefined ? bytes : ppmOfPlanes(bytes);
}
