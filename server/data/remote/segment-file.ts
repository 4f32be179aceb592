// Segment file: a segment of a remote object on disk, in blocks of 64 KiB, each there or not, each with a checksum.
//
//   64 bytes       magic, SHA-256 of what the segment is of (URL, version, place), its length
//   8 bytes each   per block: CRC-32 of its bytes, and its length + 1; zero where the block is not there
//   from 4 KiB on  the blocks, at their places; the file is sparse
//
// Any thread or process writes any block at any time: all of them write the same bytes, since the version of the object
// is part of the name. A block counts only if its checksum is right, so that nothing needs to be synchronized: whatever
// a crash leaves, half a block is a missing block. The head is written under another name, and linked to the final one.

import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import type { ObjectVersion } from "./contract.js";

/** A sample of 110 kB needs two or three of them, so that half of what is read is needed. */
export const BLOCK_BYTES = 65_536;

/** What is removed at once where the cache is full. */
export const SEGMENT_BYTES = 2 ** 26;

const MAGIC = Buffer.from("vitrine cache 1\n", "latin1");
const HEAD_BYTES = 64;
const ENTRY_BYTES = 8;
const ALIGNMENT = 4096;

/** Ending of files that are being made; one that is older than a minute is what a crash left. */
export const TEMPORARY = ".tmp";

/** Which segment of which object. */
export interface SegmentKey {
  /** SHA-256. */
  hash: Buffer;
  /** Bytes of the segment; only the last one of an object has fewer than `SEGMENT_BYTES`. */
  bytes: number;
}

/** The version must have a hash, an ETag or a time: without any, nobody can tell an object from its successor. */
export function segmentKey(url: string, version: ObjectVersion, index: number): SegmentKey {
  const { bytes, modifiedMs = "", sha256 } = version;
  const etag = sha256 === undefined ? (version.etag ?? "") : `sha256 ${sha256}`;
  const hash = createHash("sha256")
    .update(JSON.stringify([url, bytes, etag, etag === "" ? modifiedMs : "", index]))
    .digest();
  return { hash, bytes: Math.min(SEGMENT_BYTES, bytes - index * SEGMENT_BYTES) };
}

/** Path of a segment below the cache's folder. */
function segmentPath(folder: string, { hash }: SegmentKey): string {
  const name = hash.toString("hex");
  return join(folder, name.slice(0, 2), name.slice(2));
}

function headOf({ hash, bytes }: SegmentKey): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  hash.copy(head, MAGIC.length);
  head.writeDoubleLE(bytes, MAGIC.length + hash.length);
  return head;
}

/** Bytes of a segment that are on disk, from `first` on; which blocks are missing. */
export interface CachedBlocks {
  bytes: Uint8Array<ArrayBuffer>;
  /** First and last missing block, the ones between them included; null where all are there. */
  missing: { first: number; last: number } | null;
  /** Blocks whose checksum is wrong. */
  damaged: number;
}

export class SegmentFile {
  readonly key: SegmentKey;
  readonly #handle: FileHandle;
  readonly #dataStart: number;
  /** When its time of use was last written to disk; performance.now(). */
  touchedAt = Number.NEGATIVE_INFINITY;

  private constructor(key: SegmentKey, handle: FileHandle) {
    const blocks = Math.ceil(key.bytes / BLOCK_BYTES);
    this.key = key;
    this.#handle = handle;
    this.#dataStart = Math.ceil((HEAD_BYTES + ENTRY_BYTES * blocks) / ALIGNMENT) * ALIGNMENT;
  }

  /** The segment's file; null where there is none. A file of anything else is removed. */
  static async open(folder: string, key: SegmentKey): Promise<SegmentFile | null> {
    const path = segmentPath(folder, key);
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDWR);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
    try {
      const found = Buffer.alloc(HEAD_BYTES);
      await handle.read(found, 0, HEAD_BYTES, 0);
      if (found.equals(headOf(key))) return new SegmentFile(key, handle);
      await rm(path, { force: true });
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return null;
  }

  /** As `open`; makes an empty one where there is none. Throws what the file system says. */
  static async create(folder: string, key: SegmentKey): Promise<SegmentFile> {
    const path = segmentPath(folder, key);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.${randomBytes(6).toString("hex")}${TEMPORARY}`;
    const made = await open(temporary, "wx", 0o600);
    try {
      await made.writeFile(headOf(key));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await made.close();
    }
    try {
      // Another thread's file stays: it may have blocks already. Not every file system has links.
      await link(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") await rename(temporary, path);
      });
    } finally {
      await rm(temporary, { force: true });
    }
    const file = await SegmentFile.open(folder, key);
    if (file) return file;
    throw new Error("a segment was removed while it was made");
  }

  /** Whether the file still has its name: one that was evicted has no use. */
  async isLinked(): Promise<boolean> {
    return (await this.#handle.stat()).nlink > 0;
  }

  /** The blocks `first` to `last` of the segment. */
  async read(first: number, last: number): Promise<CachedBlocks> {
    const count = last - first + 1;
    const end = Math.min((last + 1) * BLOCK_BYTES, this.key.bytes);
    const entries = Buffer.alloc(ENTRY_BYTES * count);
    const bytes = new Uint8Array(end - first * BLOCK_BYTES);
    await this.#handle.read(entries, 0, entries.length, HEAD_BYTES + ENTRY_BYTES * first);
    const present = entries.some((byte) => byte !== 0);
    if (present) await this.#readAll(bytes, this.#dataStart + first * BLOCK_BYTES);
    let damaged = 0;
    const missing: number[] = [];
    for (let i = 0; i < count; i++) {
      const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      const sum = entries.readUInt32LE(ENTRY_BYTES * i);
      const length = entries.readUInt32LE(ENTRY_BYTES * i + 4) - 1;
      if (length === block.length && crc32(block) === sum) continue;
      if (length >= 0) damaged++;
      missing.push(first + i);
    }
    const hull = missing.length > 0 ? { first: missing[0], last: missing[missing.length - 1] } : null;
    return { bytes, missing: hull, damaged };
  }

  /** Behind the file's end there are zeros. */
  async #readAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#handle.read(bytes, done, bytes.length - done, position + done);
      if (bytesRead === 0) return;
      done += bytesRead;
    }
  }

  /** Writes whole blocks from `first` on; the segment's last one may be short. */
  async write(first: number, bytes: Uint8Array): Promise<void> {
    const count = Math.ceil(bytes.length / BLOCK_BYTES);
    const entries = Buffer.alloc(ENTRY_BYTES * count);
    for (let i = 0; i < count; i++) {
      const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
      entries.writeUInt32LE(crc32(block), ENTRY_BYTES * i);
      entries.writeUInt32LE(block.length + 1, ENTRY_BYTES * i + 4);
    }
    await this.#writeAll(bytes, this.#dataStart + first * BLOCK_BYTES);
    await this.#writeAll(entries, HEAD_BYTES + ENTRY_BYTES * first);
  }

  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  /** Makes the segment the one that was used last. */
  async touch(): Promise<void> {
    this.touchedAt = performance.now();
    const now = new Date();
    await this.#handle.utimes(now, now);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
