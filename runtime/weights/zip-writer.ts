// Zip writer: an archive that stores its entries uncompressed and aligned, as torch.save does, so that PyTorch can map
// tensors straight from the file. APPNOTE.TXT of PKWARE, §4.3.

import { VitrineError } from "../errors.js";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const VERSION = 20;
/** General purpose flag 11: names are UTF-8. */
const UTF8 = 0x0800;
/** 1980-01-01 00:00, the format's first moment: the same content gives the same bytes. */
const DATE = (1 << 5) | 1;
/** Sizes and offsets have 32 bits; all ones would stand for a zip64 field. */
const LIMIT = 0xfffffffe;
const COUNT_LIMIT = 0xfffe;

/** PyTorch's alignment of tensors, and the id of the extra field that pads a header up to it. */
const ALIGNMENT = 64;
const PADDING_ID = 0x4246;
const PADDING_HEADER = 4;

/** CRC-32 of a byte followed by 0 to 3 zero bytes, [4, 256]: four bytes of the input are looked up at once. */
let crcTables: Uint32Array | undefined;

function makeCrcTables(): Uint32Array {
  const tables = new Uint32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
    tables[byte] = value;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256];
    tables[i] = (before >>> 8) ^ tables[before & 255];
  }
  return tables;
}

/** CRC-32 of ISO 3309, as zip, PNG and gzip use it. */
export function crc32(bytes: Uint8Array): number {
  crcTables ??= makeCrcTables();
  const table = crcTables;
  const whole = bytes.length & ~3;
  let crc = 0xffffffff;
  for (let i = 0; i < whole; i += 4) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      table[768 + (crc & 255)] ^
      table[512 + ((crc >>> 8) & 255)] ^
      table[256 + ((crc >>> 16) & 255)] ^
      table[crc >>> 24];
  }
  for (let i = whole; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}

interface Entry {
  name: Uint8Array;
  data: Uint8Array;
  /** Of the local header. */
  offset: number;
  padding: number;
  crc: number;
}

/** The places of all entries, each with its data at a multiple of 64 bytes. */
function layOut(contents: ReadonlyMap<string, Uint8Array>): { entries: Entry[]; directory: number } {
  const entries: Entry[] = [];
  let offset = 0;
  for (const [text, data] of contents) {
    const name = new TextEncoder().encode(text);
    const start = offset + LOCAL_BYTES + name.length + PADDING_HEADER;
    const padding = PADDING_HEADER + ((ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT);
    entries.push({ name, data, offset, padding, crc: crc32(data) });
    offset += LOCAL_BYTES + name.length + padding + data.length;
  }
  return { entries, directory: offset };
}

/** The fields that both headers of an entry share, from the version on. */
function writeShared(view: DataView, place: number, { name, data, crc }: Entry, extra: number): void {
  view.setUint16(place, VERSION, true);
  view.setUint16(place + 2, UTF8, true);
  view.setUint16(place + 8, DATE, true);
  view.setUint32(place + 10, crc, true);
  view.setUint32(place + 14, data.length, true);
  view.setUint32(place + 18, data.length, true);
  view.setUint16(place + 22, name.length, true);
  view.setUint16(place + 24, extra, true);
}

/**
 * The bytes of an archive with these entries, in their order. `what` names the file in errors. Throws
 * `export/too-large` where it would need more than 4 GiB.
 */
export function writeZip(contents: ReadonlyMap<string, Uint8Array>, what: string): Uint8Array<ArrayBuffer> {
  const { entries, directory } = layOut(contents);
  const directoryBytes = entries.reduce((sum, { name }) => sum + CENTRAL_BYTES + name.length, 0);
  const total = directory + directoryBytes + END_BYTES;
  if (total > LIMIT || entries.length > COUNT_LIMIT)
    throw new VitrineError(
      "export/too-large",
      `${what}: ${total} bytes in ${entries.length} entries; a zip archive of 32 bits holds ${LIMIT} in ${COUNT_LIMIT}`,
      { details: { bytes: total, limit: LIMIT } },
    );
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let place = directory;
  for (const entry of entries) {
    const { name, data, offset, padding } = entry;
    view.setUint32(offset, LOCAL_HEADER, true);
    writeShared(view, offset + 4, entry, padding);
    bytes.set(name, offset + LOCAL_BYTES);
    const extra = offset + LOCAL_BYTES + name.length;
    view.setUint16(extra, PADDING_ID, true);
    view.setUint16(extra + 2, padding - PADDING_HEADER, true);
    bytes.set(data, extra + padding);

    view.setUint32(place, CENTRAL_HEADER, true);
    view.setUint16(place + 4, VERSION, true);
    writeShared(view, place + 6, entry, 0);
    view.setUint32(place + 42, offset, true);
    bytes.set(name, place + CENTRAL_BYTES);
    place += CENTRAL_BYTES + name.length;
  }
  view.setUint32(place, END, true);
  view.setUint16(place + 8, entries.length, true);
  view.setUint16(place + 10, entries.length, true);
  view.setUint32(place + 12, directoryBytes, true);
  view.setUint32(place + 16, directory, true);
  return bytes;
}
