// Tar entries: names, offsets and sizes of the files in a tar archive, from its headers alone: ustar, GNU's long names and
// pax. A library would read all bytes of a shard; this reads one block of 512 bytes for each entry, and skips the rest.
//
// Archives that are cut, or whose headers have a wrong checksum, are errors with their offset.

import { quote, VitrineError } from "../../../runtime/errors.js";

/** Bytes of an archive by position. */
export interface TarSource {
  /** Of the whole archive. */
  bytes: number;
  /** Exactly `length` bytes, all of which are there. Positions grow from call to call. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  close(): void | Promise<void>;
}

export interface TarEntry {
  /** Path with "/" between folders, as bytes, without "./" at its start. */
  name: Uint8Array;
  /** First byte of the content, and its length. */
  offset: number;
  size: number;
  /** False for folders, links and devices. */
  isFile: boolean;
  /** A hard or a symbolic link. */
  isLink: boolean;
}

const BLOCK = 512;
/** Names and pax records of a real archive take a few hundred bytes. */
const LARGEST_EXTENSION = 2 ** 20;
/** Programs fill archives up to 10 KiB, or a tape's block. A hole of zeros in a file would end it unnoticed. */
const LARGEST_PADDING = 2 ** 20;

/** `name`: of the archive. */
function badShard(name: string, offset: number, what: string): VitrineError {
  const text = `${quote(name)}: ${what}, at byte ${offset.toLocaleString("en-US")}`;
  return new VitrineError("data/bad-shard", text, { details: { path: name, offset } });
}

function untilZero(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Octal digits, or GNU's base 256 for numbers that have too many; NaN for anything else. */
function numberOf(field: Uint8Array): number {
  if (field[0] === 0x80) return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
  const text = Buffer.from(untilZero(field)).toString("latin1").trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || "0", 8) : Number.NaN;
}

/** Checksums count the checksum field as spaces; old programs added bytes as signed numbers. */
function hasChecksum(header: Uint8Array): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : header[i];
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const expected = numberOf(header.subarray(148, 156));
  return expected === unsigned || expected === signed;
}

/** "30 mtime=1350244992.023960108\n" records; undefined where they are none. */
function paxRecords(bytes: Uint8Array): Map<string, Uint8Array> | undefined {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : Buffer.from(bytes.subarray(at, space)).toString("latin1");
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (!/^\d{1,7}$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a) return undefined;
    if (equals < 0 || equals >= end) return undefined;
    const key = Buffer.from(bytes.subarray(space + 1, equals)).toString();
    records.set(key, bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** ustar has a prefix, which GNU's own format uses for something else. */
function nameOf(header: Uint8Array): Uint8Array {
  const name = untilZero(header.subarray(0, 100));
  const isUstar = Buffer.from(header.subarray(257, 263)).toString("latin1") === "ustar\0";
  const prefix = isUstar ? untilZero(header.subarray(345, 500)) : new Uint8Array(0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from("/"), name]);
}

/** Without "./" at the start. */
function tidied(name: Uint8Array): Uint8Array {
  let start = 0;
  while (name[start] === 0x2e && name[start + 1] === 0x2f) start += 2;
  return name.slice(start);
}

/** Entries of an archive in order; `name` is for messages. Throws `data/bad-shard`, and what `source.read` throws. */
export async function* readTarEntries(source: TarSource, name: string): AsyncGenerator<TarEntry> {
  let longName: Uint8Array | undefined;
  let longSize: number | undefined;
  for (let at = 0; ; ) {
    if (at + BLOCK > source.bytes) {
      const bytes = source.bytes.toLocaleString("en-US");
      throw badShard(name, at, `the archive is cut: it has ${bytes} bytes and no end-of-archive block`);
    }
    const read = source.read(at, BLOCK);
    const header = read instanceof Promise ? await read : read;
    if (header.every((byte) => byte === 0)) {
      const rest = source.bytes - at;
      if (rest <= LARGEST_PADDING) return;
      throw badShard(name, at, `${rest.toLocaleString("en-US")} bytes follow the end of the archive`);
    }
    if (!hasChecksum(header)) throw badShard(name, at, "no tar header, or one with a wrong checksum");
    const own = numberOf(header.subarray(124, 136));
    const type = String.fromCharCode(header[156]);
    const isExtension = /[LKxg]/.test(type);
    // Links and folders may state a size and have no content.
    const hasContent = !/[1-6]/.test(type);
    const size = hasContent ? (isExtension ? own : (longSize ?? own)) : 0;
    const offset = at + BLOCK;
    if (!Number.isSafeInteger(size)) throw badShard(name, at, "a header with an impossible size");
    if (offset + size > source.bytes) {
      const needed = (offset + size).toLocaleString("en-US");
      throw badShard(
        name,
        at,
        `the archive is cut: an entry ends at byte ${needed} of ${source.bytes.toLocaleString("en-US")}`,
      );
    }
    if (isExtension) {
      if (size > LARGEST_EXTENSION) throw badShard(name, at, `an extended header of ${size} bytes`);
      const extension = size === 0 ? new Uint8Array(0) : await source.read(offset, size);
      if (type === "L") longName = untilZero(extension.slice());
      if (type === "x" || type === "g") {
        const records = paxRecords(extension);
        if (records === undefined) throw badShard(name, at, "an extended header that cannot be read");
        const digits = Buffer.from(records.get("size") ?? []).toString("latin1");
        if (records.has("GNU.sparse.major") || records.has("GNU.sparse.size"))
          throw badShard(name, at, "a sparse file, which has no range");
        // A size or path for all entries makes no sense.
        if (type === "x") {
          longName = records.get("path")?.slice() ?? longName;
          longSize = digits === "" ? longSize : /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN;
        }
      }
    } else {
      if (type === "S") throw badShard(name, at, "a sparse file, which has no range");
      const isFile = /[0\0 7]/.test(type);
      const isLink = type === "1" || type === "2";
      yield { name: tidied(longName ?? nameOf(header)), offset, size, isFile, isLink };
      longName = undefined;
      longSize = undefined;
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
}
