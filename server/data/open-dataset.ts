// Opens a data set: a folder of class folders, a list file, tar shards, CIFAR's files, or an index of any. Reads names and
// sizes, but no image.

import { join } from "node:path";
import { isRemote } from "../../runtime/batches/data-path.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { entryAt } from "../../runtime/host/node-files.js";
import { cifarFiles, isCifarFile, readCifar, readCifarFile } from "./cifar.js";
import { readClassFolders } from "./class-folders.js";
import type { Dataset, Listing } from "./dataset.js";
import { fingerprintOf } from "./fingerprint.js";
import { isIndexFile, readIndexFile } from "./index-file.js";
import { readListFile } from "./list-file.js";
import type { RemoteSettings } from "./remote/contract.js";
import { openRemote } from "./remote/open-remote.js";
import { namedShards, namesIn, readLocalShards, SHARD_INDEX, shardNames } from "./shards/local-shards.js";
import type { LabelSource } from "./shards/shard-samples.js";

export interface OpenOptions {
  /** What cannot be listed is an error with `fail`, the default, and left out otherwise. */
  badSamples?: BadSamples | undefined;
  /** Where the labels of tar shards are. Default: `auto`. */
  labelFrom?: LabelSource | undefined;
  /** Called from time to time with the number of files that have been listed. */
  onFiles?: (files: number) => void;
  /** How a data set at a URL is read. */
  remote?: RemoteSettings | undefined;
}

/** A refusal of the file system (permissions, a folder that disappeared) becomes `file/unreadable`. */
function unreadable(path: string, cause: unknown): VitrineError {
  if (isVitrineError(cause)) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new VitrineError("file/unreadable", `${path}: ${quote(text)}`, { details: { path }, cause });
}

interface ListingOptions {
  mayLeaveOut: boolean;
  labelFrom?: LabelSource | undefined;
  onFiles(files: number): void;
}

/** What a folder has decides its kind. */
async function readFolder(path: string, options: ListingOptions): Promise<Listing | Dataset> {
  const { files, hasFolders } = namesIn(path);
  const { mayLeaveOut, labelFrom, onFiles } = options;
  if (!hasFolders) {
    if (files.includes(SHARD_INDEX) && labelFrom === undefined)
      return requireShards(readIndexFile(join(path, SHARD_INDEX)), path);
    const shards = shardNames(path, files);
    if (shards.length > 0) return readLocalShards(path, shards, options);
    const cifar = cifarFiles(files);
    if (cifar.length > 0) return readCifar(path, cifar);
    if (files.some((name) => PARQUET.test(name))) throw parquet(path);
  }
  return readClassFolders(path, mayLeaveOut, onFiles);
}

const PARQUET = /\.parquet$/i;

function parquet(path: string): VitrineError {
  return new VitrineError(
    "data/parquet",
    `${quote(path)}: Parquet files have no ranges to read pictures from; pack them into shards once: ` +
      `"vitrine dataset pack --data ${quote(path)} --out shards", then --data shards`,
    { details: { path } },
  );
}

/** The index of a folder of shards. Throws `data/file-changed` where a shard has another size, `file/not-found`. */
function requireShards(dataset: Dataset, path: string): Dataset {
  for (const { name, bytes } of dataset.table.shards) {
    const file = join(dataset.root, name);
    const entry = entryAt(file);
    const found = entry ? `has ${entry.size.toLocaleString("en-US")} bytes` : "is missing";
    if (entry?.size !== bytes)
      throw new VitrineError(
        "data/file-changed",
        `${quote(file)} ${found}, and ${bytes.toLocaleString("en-US")} by ${SHARD_INDEX}: copy it again, or write ` +
          'the index again with "vitrine dataset index"',
        { details: { path: file } },
      );
  }
  return { ...dataset, path };
}

async function read(path: string, options: ListingOptions): Promise<Listing | Dataset> {
  const { mayLeaveOut, onFiles } = options;
  const entry = entryAt(path);
  const named = entry?.isDirectory() ? undefined : namedShards(path);
  if (named) return readLocalShards(named.root, named.names, options);
  if (!entry)
    throw new VitrineError(
      "file/not-found",
      `${quote(path)}: no such file or folder; a data set is a folder of class folders or a CSV list "path,label"`,
      { details: { path } },
    );
  if (entry.isDirectory()) return readFolder(path, options);
  if (PARQUET.test(path)) throw parquet(path);
  if (entry.isFile() && isIndexFile(path)) return readIndexFile(path);
  if (entry.isFile() && isCifarFile(path)) return readCifarFile(path);
  return readListFile(path, mayLeaveOut, onFiles);
}

/**
 * A folder with one folder per class, a CSV file `path,label`, tar shards (a folder of them, a pattern, one), CIFAR's
 * binary files, or what `vitrine dataset index` wrote. Throws `file/not-found`, `data/no-class-folders`, `data/no-images`,
 * `data/bad-list`, `data/missing-file`, `data/bad-shard`, `data/bad-index`, `data/parquet`, `file/unreadable`. At a URL also what
 * `openRemote` throws.
 */
export async function openDataset(
  path: string,
  { badSamples = "fail", labelFrom, onFiles = () => {}, remote = {} }: OpenOptions = {},
): Promise<Dataset> {
  const mayLeaveOut = badSamples !== "fail";
  if (isRemote(path)) return openRemote(path, { settings: remote, mayLeaveOut, labelFrom, onFiles });
  try {
    const listing = await read(path, { mayLeaveOut, labelFrom, onFiles });
    // An index may be of files at a URL.
    if ("fingerprint" in listing) return isRemote(listing.root) ? { ...listing, remote } : listing;
    return { ...listing, path, samples: listing.table.count, fingerprint: fingerprintOf(listing) };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
