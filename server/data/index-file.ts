// Index file: a listed data set in one binary file, so that it opens in a fraction of a second; docs/data-sets.md has the
// format. It is read whole into memory that threads share, checked, and used as it is.

import { createHash } from "node:crypto";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { isRemote } from "../../runtime/batches/data-path.js";
import { escapeControls, isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { readStartSync } from "../../runtime/host/node-files.js";
import { openFileSync } from "../../runtime/host/node-open-file.js";
import { MAX_CLASSES } from "./class-labels.js";
import type { Dataset } from "./dataset.js";
import type { SampleLayout } from "./sample-location.js";
import { checkTable, HASH_BYTES, type SampleTable, type Shard } from "./sample-table.js";

const MAGIC = Buffer.from("VITRINE\x01");
const VERSION = 1;
/** Magic, version, bytes of the header. */
const START_BYTES = 16;
/** Class names and shards; a million classes of 60 characters fit. */
const LARGEST_HEADER = 2 ** 26;
/** A hundred million samples with hashes. */
export const LARGEST_INDEX = 2 ** 33;
const CHECKSUM_BYTES = 32;

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** JSON behind the start; the sections follow, each aligned to 8 bytes, and then a SHA-256 of all before it. */
interface Header {
  samples: number;
  /** Names in index order, or how many there are where none has a name. */
  classes: string[] | number;
  fingerprint: string;
  /** Folder that the names are relative to, relative to the index where it is not absolute. */
  root: string;
  shards: Shard[];
  /** Bytes of the rows. */
  rows: number;
  /** Blocks of rows. */
  blocks: number;
  hashed: boolean;
  layout?: SampleLayout | undefined;
  otherFiles: number;
  otherKinds: string;
  leftOut: string;
}

function badIndex(path: string, what: string): VitrineError {
  const text = `${quote(path)}: ${what}; write it again with "vitrine dataset index"`;
  return new VitrineError("data/bad-index", text, { details: { path } });
}

/** Whether a file's first bytes are those of an index. */
export function isIndexStart(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

export function isIndexFile(path: string): boolean {
  return isIndexStart(readStartSync(path, MAGIC.length));
}

/** Bytes of the four sections: labels, starts of blocks, rows, hashes. */
function sectionBytes({ samples, blocks, rows, hashed }: Header): number[] {
  return [4 * samples, 8 * (blocks + 1), rows, hashed ? HASH_BYTES * samples : 0];
}

/** An index file's parts, in order. Names stay relative to the data set's folder, wherever the index is. */
export function indexParts(dataset: Dataset, path: string): Uint8Array[] {
  const { samples, table, labels, classes, fingerprint } = dataset;
  const folder = isRemote(dataset.root)
    ? dataset.root
    : relative(dirname(resolve(path)), resolve(dataset.root));
  const header: Header = {
    samples,
    classes: classes.every((name) => name === "") ? classes.length : classes,
    fingerprint,
    root: folder === "" ? "." : folder,
    shards: [...table.shards],
    rows: table.rows.length,
    blocks: table.starts.length - 1,
    hashed: table.hashes.length > 0,
    layout: table.layout,
    otherFiles: dataset.otherFiles,
    otherKinds: dataset.otherKinds,
    leftOut: dataset.leftOut,
  };
  const json = Buffer.from(JSON.stringify(header));
  if (json.length > LARGEST_HEADER) throw badIndex(path, `its classes and shards take ${json.length} bytes`);
  const start = Buffer.alloc(START_BYTES);
  MAGIC.copy(start);
  start.writeUInt32LE(VERSION, 8);
  start.writeUInt32LE(json.length, 12);
  const parts: Uint8Array[] = [start];
  for (const part of [json, labels, table.starts, table.rows, table.hashes]) {
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    parts.push(bytes, new Uint8Array(aligned(bytes.length) - bytes.length));
  }
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return [...parts, hash.digest()];
}

/** The whole file, in memory that threads share. */
function readShared(path: string): Uint8Array {
  const file = openFileSync(path, LARGEST_INDEX);
  try {
    const bytes = new Uint8Array(new SharedArrayBuffer(file.bytes));
    const came = file.readAt(bytes, 0);
    if (came < bytes.length) throw badIndex(path, `it ends at byte ${came} of ${bytes.length}`);
    return bytes;
  } finally {
    file.close();
  }
}

const isCount = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
const isText = (value: unknown): value is string => typeof value === "string";

function isShard(value: unknown): value is Shard {
  const { name, bytes, modifiedMs, etag } = (value ?? {}) as Partial<Shard>;
  return (
    isText(name) &&
    isCount(bytes, Number.MAX_SAFE_INTEGER) &&
    (modifiedMs === undefined || typeof modifiedMs === "number") &&
    (etag === undefined || isText(etag))
  );
}

/** A header of which every field is what it should be; whether its numbers fit the file is another question. */
function isHeader(value: unknown): value is Header {
  if (typeof value !== "object" || value === null) return false;
  const { samples, classes, fingerprint, root, shards, rows, blocks, hashed, ...rest } =
    value as Partial<Header>;
  return (
    isCount(samples, 2 ** 31) &&
    samples > 0 &&
    (isCount(classes, MAX_CLASSES) || (Array.isArray(classes) && classes.every(isText))) &&
    isText(fingerprint) &&
    /^[0-9a-f]{64}$/.test(fingerprint) &&
    [root, rest.otherKinds, rest.leftOut].every(isText) &&
    Array.isArray(shards) &&
    shards.every(isShard) &&
    isCount(rows, LARGEST_INDEX) &&
    isCount(blocks, 2 ** 31) &&
    typeof hashed === "boolean" &&
    (rest.layout === undefined || rest.layout === "planar-32") &&
    isCount(rest.otherFiles, Number.MAX_SAFE_INTEGER)
  );
}

function readHeader(path: string, bytes: Uint8Array): { header: Header; end: number } {
  const start = Buffer.from(bytes.buffer, 0, Math.min(START_BYTES, bytes.length));
  if (bytes.length < START_BYTES + CHECKSUM_BYTES || !MAGIC.equals(start.subarray(0, MAGIC.length)))
    throw badIndex(path, "it is no index");
  const version = start.readUInt32LE(8);
  if (version !== VERSION)
    throw badIndex(path, `it has version ${version} of the format; this program reads version ${VERSION}`);
  const length = start.readUInt32LE(12);
  if (length > Math.min(LARGEST_HEADER, bytes.length - START_BYTES - CHECKSUM_BYTES))
    throw badIndex(path, `it is shorter than its header of ${length} bytes`);
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes.buffer, START_BYTES, length).toString());
  } catch {
    throw badIndex(path, "its header is not JSON");
  }
  if (!isHeader(header)) throw badIndex(path, "its header lacks a field, or has one that is out of range");
  return { header, end: START_BYTES + aligned(length) };
}

/** Throws `data/bad-index` for a file that is damaged or of another version. */
export function readIndexFile(path: string): Dataset {
  const { root, ...dataset } = parseIndex(path, readShared(path));
  const isWhole = isAbsolute(root) || isRemote(root);
  return { ...dataset, root: isWhole ? root : join(dirname(path), root) };
}

/**
 * The data set of an index's bytes, an array at the start of memory that threads share; its root as the index has it.
 * `path` is the index's name in messages. Throws `data/bad-index`.
 */
export function parseIndex(path: string, bytes: Uint8Array): Dataset {
  const { header, end } = readHeader(path, bytes);
  const { samples, fingerprint, shards, otherFiles } = header;
  // Sentences that are printed as they are.
  const otherKinds = escapeControls(header.otherKinds);
  const leftOut = escapeControls(header.leftOut);
  let at = end;
  const sections = sectionBytes(header).map((length) => {
    const section = { at, length };
    at += aligned(length);
    return section;
  });
  if (at + CHECKSUM_BYTES !== bytes.length)
    throw badIndex(path, `it has ${bytes.length} bytes, and ${at + CHECKSUM_BYTES} by its header`);
  const found = createHash("sha256").update(bytes.subarray(0, at)).digest();
  if (!found.equals(bytes.subarray(at))) throw badIndex(path, "its checksum is wrong");
  const { buffer } = bytes;
  const [labelBytes, startBytes, rowBytes, hashBytes] = sections;
  const labels = new Int32Array(buffer, labelBytes.at, samples);
  const table: SampleTable = {
    count: samples,
    starts: new Float64Array(buffer, startBytes.at, header.blocks + 1),
    rows: bytes.subarray(rowBytes.at, rowBytes.at + rowBytes.length),
    hashes: bytes.subarray(hashBytes.at, hashBytes.at + hashBytes.length),
    shards,
    layout: header.layout,
  };
  try {
    checkTable(table);
  } catch (error) {
    throw isVitrineError(error) ? badIndex(path, error.message) : error;
  }
  const { classes } = header;
  const names = typeof classes === "number" ? new Array<string>(classes).fill("") : classes;
  if (labels.some((label) => label < 0 || label >= names.length))
    throw badIndex(path, "a label is out of range");
  const { root } = header;
  return { path, root, samples, table, labels, classes: names, fingerprint, otherFiles, otherKinds, leftOut };
}
