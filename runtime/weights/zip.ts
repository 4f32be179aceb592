// Zip: the entries of an archive that stores them uncompressed, as torch.save writes it. APPNOTE.TXT of PKWARE, §4.3.
//
// Entries are views of the archive: nothing is copied, and an entry costs no memory beyond its name.

import { quote, VitrineError } from "../errors.js";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const END_BYTES = 22;
const COMMENT_LIMIT = 65_535;
/** In a 32-bit field: the value is in the zip64 record. */
const IN_ZIP64 = 0xffffffff;
const ENCRYPTED = 1;

class Archive {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #subject: string;

  constructor(bytes: Uint8Array, subject: string) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#subject = subject;
  }

  refuse(what: string): VitrineError {
    const text = `${this.#subject}: not a readable zip archive: ${what}`;
    return new VitrineError("weights/torch", text, { details: { file: this.#subject } });
  }

  /** Throws unless `count` bytes from `place` on are in the file. */
  check(place: number, count: number, what: string): void {
    if (place >= 0 && place <= this.bytes.length && count <= this.bytes.length - place) return;
    throw this.refuse(`${what} is outside of the file's ${this.bytes.length} bytes: it may be truncated`);
  }

  u16(place: number): number {
    this.check(place, 2, "a field");
    return this.#view.getUint16(place, true);
  }

  u32(place: number): number {
    this.check(place, 4, "a field");
    return this.#view.getUint32(place, true);
  }

  /** No size or offset in a file is larger than the file. */
  u64(place: number): number {
    this.check(place, 8, "a field");
    const value = this.#view.getBigUint64(place, true);
    if (value > BigInt(this.bytes.length)) throw this.refuse(`a size of ${value} bytes`);
    return Number(value);
  }
}

/** The end record is the last of the file, before a comment. */
function findEnd(archive: Archive): number {
  const { length } = archive.bytes;
  for (let place = length - END_BYTES; place >= Math.max(0, length - END_BYTES - COMMENT_LIMIT); place--)
    if (archive.u32(place) === END) return place;
  throw archive.refuse("its directory is missing: the file may be truncated");
}

function findDirectory(archive: Archive): { place: number; end: number; count: number } {
  const record = findEnd(archive);
  if (record >= 20 && archive.u32(record - 20) === END_64_LOCATOR) {
    const record64 = archive.u64(record - 12);
    if (archive.u32(record64) !== END_64) throw archive.refuse("its zip64 record is missing");
    const place = archive.u64(record64 + 48);
    return { place, end: place + archive.u64(record64 + 40), count: archive.u64(record64 + 32) };
  }
  const place = archive.u32(record + 16);
  return { place, end: place + archive.u32(record + 12), count: archive.u16(record + 10) };
}

interface Sizes {
  size: number;
  packed: number;
  header: number;
}

/** The 32-bit sizes of a directory entry, replaced by those of its zip64 field where they are too large. */
function zip64Sizes(archive: Archive, sizes: Sizes, extra: number, extraEnd: number): Sizes {
  const wanted = (["size", "packed", "header"] as const).filter((key) => sizes[key] === IN_ZIP64);
  if (wanted.length === 0) return sizes;
  for (let place = extra; place + 4 <= extraEnd; place += 4 + archive.u16(place + 2)) {
    if (archive.u16(place) !== 1) continue;
    const fields = wanted.map((key, index) => [key, archive.u64(place + 4 + 8 * index)]);
    return { ...sizes, ...Object.fromEntries(fields) };
  }
  throw archive.refuse("a zip64 field is missing");
}

/**
 * Name → bytes of every entry. Throws `weights/torch` where the archive is damaged, or an entry is compressed or
 * encrypted.
 */
export function readZip(bytes: Uint8Array, subject: string): Map<string, Uint8Array> {
  const archive = new Archive(bytes, subject);
  const { place: start, end, count } = findDirectory(archive);
  archive.check(start, end - start, "its directory");
  const entries = new Map<string, Uint8Array>();
  let place = start;
  for (let index = 0; index < count; index++) {
    if (place >= end || archive.u32(place) !== CENTRAL_HEADER)
      throw archive.refuse(`its directory has ${index} entries of ${count}`);
    const [nameBytes, extraBytes] = [archive.u16(place + 28), archive.u16(place + 30)];
    const extra = place + 46 + nameBytes;
    archive.check(place, 46 + nameBytes + extraBytes, "a directory entry");
    const name = new TextDecoder().decode(bytes.subarray(place + 46, extra));
    const { size, packed, header } = zip64Sizes(
      archive,
      { size: archive.u32(place + 24), packed: archive.u32(place + 20), header: archive.u32(place + 42) },
      extra,
      extra + extraBytes,
    );
    const [flags, method] = [archive.u16(place + 8), archive.u16(place + 10)];
    if (flags & ENCRYPTED) throw archive.refuse(`entry ${quote(name)} is encrypted`);
    if (method !== 0 || size !== packed)
      throw archive.refuse(`entry ${quote(name)} is compressed; torch.save stores its entries uncompressed`);
    if (entries.has(name)) throw archive.refuse(`two entries are called ${quote(name)}`);
    if (archive.u32(header) !== LOCAL_HEADER) throw archive.refuse(`entry ${quote(name)} has no header`);
    const data = header + 30 + archive.u16(header + 26) + archive.u16(header + 28);
    archive.check(data, size, `entry ${quote(name)}`);
    entries.set(name, bytes.subarray(data, data + size));
    place = extra + extraBytes + archive.u16(place + 32);
  }
  return entries;
}
