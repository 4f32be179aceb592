// Data set: which samples it has, in which order, with which labels. open-dataset.ts reads it.

import { isUtf8 } from "node:buffer";
import { isAbsolute, join } from "node:path";
import { displayUrl, isRemote } from "../../runtime/batches/data-path.js";
import { nameText } from "./file-names.js";
import type { RemoteSettings } from "./remote/contract.js";
import { resolveRemote } from "./remote/remote-url.js";
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
