// Data set: which samples it has, in which order, with which labels. open-dataset.ts reads it.

import { isUtf8 } from "node:buffer";
import { isAbsolute, join } from "node:path";
import type { RemoteSettings } from "./remote/contract.js";
import { displayUrl, isRemote, resolveRemote } from "./remote/remote-url.js";
import type { SampleLocation } from "./sample-location.js";
import { hashAt, type Row, rowAt, rowsOf, type SampleTable } from "./sample-table.js";

/** Plain values, in memory that threads share. */
export interface Dataset {
  /** The folder, list or index, as the user gave it. */
  path: string;
  /** Folder that the names are relative to, or the URL of one with a slash at its end. */
  root: string;
  /** Number of samples. */
  samples: number;
  /** Name, size and place of each sample: `sampleName`, `sampleLocation`. */
  table: SampleTable;
  /** Class index of each sample. */
  labels: Int32Array;
  /** Class names in index order; empty strings where the list gives indices only. */
  classes: string[];
  /** SHA-256 over names, sizes and labels, and over contents where the table has their hashes; hex. */
  fingerprint: string;
  /** Files of other kinds in class folders, which were left out. */
  otherFiles: number;
  /** Their endings, the most frequent first: "30 .heic, 5 .txt"; empty without any. */
  otherKinds: string;
  /** A sentence about samples that could not be listed; empty without any. */
  leftOut: string;
  /** Set where the files are copies of the listed ones, so that their times differ. */
  copied?: boolean;
  /** How its samples are read, where they are at URLs. */
  remote?: RemoteSettings;
}

/** What data sets of every kind are read into. */
export type Listing = Omit<Dataset, "path" | "fingerprint" | "samples">;

/** Names that pictures of a format that is read have. What a file is, its content decides. */
export const PICTURE_NAME = /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|ppm|pgm)$/i;

/** A name as text: bytes that are not UTF-8 are shown as \xNN. */
export function nameText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((some) => isUtf8(bytes.subarray(at, at + some))) ?? 0;
    text +=
      length === 0
        ? `\\x${bytes[at].toString(16).padStart(2, "0")}`
        : Buffer.from(bytes.subarray(at, at + length)).toString();
    at += Math.max(1, length);
  }
  return text;
}

/** Name of sample `index`: the path relative to the root, "/" between folders. */
export function sampleName({ table }: Pick<Dataset, "table">, index: number): string {
  return nameText(rowAt(table, index).name);
}

/** Names of all samples in order. */
export function sampleNames({ table }: Pick<Dataset, "table">): string[] {
  return Array.from(rowsOf(table), ({ name }) => nameText(name));
}

/** Path or URL of a file; a root that is a URL ends with a slash. */
function inRoot(root: string, name: string): string {
  if (isRemote(root)) return resolveRemote(root, name);
  return isAbsolute(name) ? name : join(root, name);
}

/** Where sample `index` is, and what it was when it was listed. The path is relative if the user's was. */
export function sampleLocation({ root, table, copied }: Dataset, index: number): SampleLocation {
  const row = rowAt(table, index);
  const sha256 = hashAt(table, index);
  // With a hash the content decides, so that a copy of the files, which has other times, is the same data set.
  const hasTimes = sha256 === undefined && !copied;
  if (table.shards.length > 0) return rangeLocation(root, table, row, sha256, hasTimes);
  const file = inRoot(root, nameText(row.name));
  const expected = {
    bytes: row.size,
    ...(hasTimes && !Number.isNaN(row.modifiedMs) && { modifiedMs: row.modifiedMs }),
    ...(sha256 !== undefined && { sha256 }),
  };
  if (isRemote(root)) return { file, name: displayUrl(file), expected };
  if (isUtf8(row.name)) return { file, name: file, expected };
  return { file, name: file, pathBytes: Buffer.concat([Buffer.from(join(root, "/")), row.name]), expected };
}

function rangeLocation(
  root: string,
  { shards, layout }: SampleTable,
  row: Row,
  sha256: string | undefined,
  hasTimes: boolean,
): SampleLocation {
  const { name: shard, ...version } = shards[row.shard];
  const expected = hasTimes ? version : { bytes: version.bytes, ...(sha256 !== undefined && { sha256 }) };
  return {
    file: inRoot(root, shard),
    name: `${isRemote(root) ? shard : inRoot(root, shard)}: ${nameText(row.name)}`,
    offset: row.offset,
    length: row.size,
    expected,
    ...(layout !== undefined && { layout }),
  };
}

/** UTF-16 units ranked by code point: surrogates (above U+FFFF) come after U+E000 … U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The order of classes and files, the same on every machine, whatever its locale: negative if `a` comes first.
 * JavaScript's own `<` compares UTF-16 units, which differs above U+FFFF.
 */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
