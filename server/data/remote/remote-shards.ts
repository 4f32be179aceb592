// Remote shards: a data set as tar shards in a folder of a bucket, or at URLs with numbers in braces. An index beside the
// shards is taken in place of reading them; without one they are read once, and with a cache the result is kept in it.

import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { VitrineError } from "../../../runtime/errors.js";
import { LARGEST_TEXT } from "../../../runtime/host/node-files.js";
import type { Dataset, Listing } from "../dataset.js";
import { fingerprintOf } from "../fingerprint.js";
import { indexParts, readIndexFile } from "../index-file.js";
import type { Shard } from "../sample-table.js";
import { CLASS_NAMES_FILE, readClassNames } from "../shards/local-shards.js";
import { readShards } from "../shards/read-shards.js";
import type { LabelSource } from "../shards/shard-samples.js";
import { CacheLedger, INDEX_FOLDER } from "./cache-ledger.js";
import type { CacheSettings, RemoteSettings } from "./contract.js";
import type { ListedObject, ObjectStore } from "./object-store.js";
import { resolveRemote } from "./remote-url.js";
import { TEMPORARY } from "./segment-file.js";
import { openRemoteShard } from "./shard-bytes.js";

/** Shards that are read at a time. */
const AT_ONCE = 8;

export interface RemoteShardOptions {
  settings: RemoteSettings;
  mayLeaveOut: boolean;
  labelFrom?: LabelSource | undefined;
  onFiles(samples: number): void;
}

/** Names of classes beside the shards; none where there is no such file. */
async function classNamesAt(store: ObjectStore, root: string): Promise<string[]> {
  try {
    const { bytes } = await store.readWhole(resolveRemote(root, CLASS_NAMES_FILE), LARGEST_TEXT);
    return readClassNames(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof VitrineError && error.code === "file/not-found") return [];
    throw error;
  }
}

const asShard = (root: string, { url, bytes, etag, modifiedMs }: ListedObject): Shard => ({
  name: url.slice(root.length),
  bytes,
  ...(etag !== undefined && { etag }),
  ...(modifiedMs !== undefined && { modifiedMs }),
});

/** Shards, and how they are read, decide the result; a time is enough where there is no ETag. */
function nameInCache(
  root: string,
  shards: readonly Shard[],
  classNames: readonly string[],
  labelFrom: string,
): string {
  const parts = [1, root, shards, classNames, labelFrom];
  return `${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}.index`;
}

/** The kept result, which is then the one that was used last; null where there is none that is whole. */
async function readKept(path: string): Promise<Dataset | null> {
  try {
    const kept = readIndexFile(path);
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    return kept;
  } catch {
    return null;
  }
}

async function writeWhole(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}${TEMPORARY}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Keeps the result where the cache has room. A cache that cannot be written is no reason to stop. */
async function keep(dataset: Dataset, path: string, settings: CacheSettings): Promise<void> {
  const ledger = new CacheLedger(settings);
  try {
    await ledger.open();
    const parts = indexParts(dataset, path);
    if (!(await ledger.reserve(parts.reduce((sum, { length }) => sum + length, 0)))) return;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeWhole(path, parts);
  } catch {
    // The cache of the samples says why.
  } finally {
    await ledger.close().catch(() => {});
  }
}

/**
 * `root`: URL that the shards' URLs start with. Throws what `readShards` and stores throw.
 */
export async function readRemoteShards(
  root: string,
  objects: readonly ListedObject[],
  store: ObjectStore,
  { settings, mayLeaveOut, labelFrom, onFiles }: RemoteShardOptions,
): Promise<Dataset | Listing> {
  const classNames = await classNamesAt(store, root);
  const shards = objects.map((object) => asShard(root, object));
  const isTold = shards.every(({ etag, modifiedMs }) => etag !== undefined || modifiedMs !== undefined);
  const cache = isTold ? settings.cache : undefined;
  const name = nameInCache(root, shards, classNames, `${labelFrom} ${mayLeaveOut}`);
  const path = cache && join(cache.folder, INDEX_FOLDER, name);
  const kept = path === undefined ? null : await readKept(path);
  if (kept) return kept;
  const toRead = objects.map((object, index) => ({
    shard: shards[index],
    open: (signal: AbortSignal) => openRemoteShard(store, object.url, object, signal),
  }));
  const options = { mayLeaveOut, labelFrom, classNames, atOnce: AT_ONCE, onFiles };
  const listing = await readShards(root, toRead, options);
  if (cache === undefined || path === undefined) return listing;
  const samples = listing.table.count;
  const dataset = { ...listing, path: displayUrl(root), samples, fingerprint: fingerprintOf(listing) };
  await keep(dataset, path, cache);
  return dataset;
}

/** The data set of an index beside shards that were listed: of what they are now. Throws `data/file-changed`. */
export function withListedShards(dataset: Dataset, root: string, objects: readonly ListedObject[]): Dataset {
  const byName = new Map(objects.map((object) => [object.url.slice(root.length), object]));
  const shards = dataset.table.shards.map(({ name, bytes }) => {
    const object = byName.get(name);
    if (object?.bytes === bytes) return asShard(root, object);
    const found = object ? `has ${object.bytes.toLocaleString("en-US")} bytes` : "is missing";
    const text =
      `${displayUrl(root + name)} ${found}, and ${bytes.toLocaleString("en-US")} by the index beside it: copy it again, ` +
      'or write the index again with "vitrine dataset index"';
    throw new VitrineError("data/file-changed", text, { details: { path: displayUrl(root + name) } });
  });
  const { copied: _, ...known } = dataset;
  return { ...known, root, table: { ...dataset.table, shards } };
}
