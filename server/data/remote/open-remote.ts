// Opens a data set at a URL: a list, an index, tar shards, or a bucket's folder. Reads names and sizes, but no image.

import { displayUrl, isRemote } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { Dataset, Listing } from "../dataset.js";
import { fingerprintOf } from "../fingerprint.js";
import { isIndexStart, LARGEST_INDEX, parseIndex } from "../index-file.js";
import { mapParallel } from "../parallel.js";
import { expandBraces, SHARD_INDEX, shardNames } from "../shards/local-shards.js";
import { readBucketFolders } from "./bucket-folders.js";
import type { ObjectVersion } from "./contract.js";
import { objectPieces } from "./object-bytes.js";
import { type ListedObject, type ObjectStore, tooLarge } from "./object-store.js";
import { openStore } from "./open-store.js";
import { folderOf, readRemoteList } from "./remote-list.js";
import { type RemoteShardOptions, readRemoteShards, withListedShards } from "./remote-shards.js";
import { parseRemote, resolveRemote } from "./remote-url.js";

export interface RemoteOpenOptions extends RemoteShardOptions {
  /** What cannot be listed is left out. */
  mayLeaveOut: boolean;
  /** Called from time to time with the number of files that have been listed. */
  onFiles: (files: number) => void;
}

/** The whole object, in memory that threads share. */
async function readShared(store: ObjectStore, url: string, version: ObjectVersion): Promise<Uint8Array> {
  if (version.bytes > LARGEST_INDEX) throw tooLarge(url, `${version.bytes} bytes`, LARGEST_INDEX);
  const bytes = new Uint8Array(new SharedArrayBuffer(version.bytes));
  let place = 0;
  for await (const piece of objectPieces(store, url, version)) {
    bytes.set(piece, place);
    place += piece.length;
  }
  return bytes;
}

/** An index names files relative to itself, which then are copies of those that were indexed, or the URL of their folder. */
async function openIndex(store: ObjectStore, url: string, version: ObjectVersion): Promise<Dataset> {
  const name = displayUrl(url);
  const dataset = parseIndex(name, await readShared(store, url, version));
  const { root } = dataset;
  if (isRemote(root)) return { ...dataset, root: resolveRemote(url, root) };
  if (root.startsWith("/"))
    throw new VitrineError(
      "data/bad-index",
      `${name}: its files are at ${quote(root)}, on the drive where it was written: write it there with --out beside ` +
        "the data set, and copy both",
      { details: { path: name } },
    );
  const folder = resolveRemote(folderOf(url), root === "." ? "" : `${root}/`);
  return { ...dataset, root: folder, copied: true };
}

async function openObject(
  store: ObjectStore,
  url: string,
  version: ObjectVersion,
  { mayLeaveOut, onFiles }: RemoteOpenOptions,
): Promise<Dataset | Listing> {
  const most = Math.min(START_BYTES, version.bytes);
  const start = most > 0 ? await store.read(url, { offset: 0, length: most }, version) : new Uint8Array();
  if (isIndexStart(start)) return openIndex(store, url, version);
  return readRemoteList(url, version, store, mayLeaveOut, onFiles);
}

const START_BYTES = 16;

/** What is at the URL; null where nothing is. */
async function versionAt(store: ObjectStore, url: string): Promise<ObjectVersion | null> {
  try {
    return await store.version(url);
  } catch (error) {
    if (error instanceof VitrineError && error.code === "file/not-found") return null;
    throw error;
  }
}

/** Versions asked for at a time. */
const REQUESTS = 32;

/** Shards that a URL names by itself: an archive, or several with numbers in braces; undefined for others. */
async function namedShards(
  store: ObjectStore,
  url: string,
  options: RemoteOpenOptions,
): Promise<Dataset | Listing | undefined> {
  const urls = expandBraces(url) ?? (/\.tar$/i.test(url) ? [url] : undefined);
  if (urls === undefined) return undefined;
  const root = folderOf(url);
  // URLs of web servers have them escaped; a key of a bucket is as it is written.
  if (/[{}]/.test(root) || (/^http/i.test(root) && /%7[bd]/i.test(root)))
    throw new VitrineError(
      "usage/bad-option",
      `${displayUrl(url)}: a pattern may be in the file's name only`,
    );
  const objects = await mapParallel(
    urls,
    REQUESTS,
    async (one): Promise<ListedObject> => ({ url: one, ...(await store.version(one)) }),
  );
  return readRemoteShards(root, objects, store, options);
}

/** What a folder of a bucket has decides its kind. */
async function openFolder(
  store: ObjectStore,
  root: string,
  options: RemoteOpenOptions,
): Promise<Dataset | Listing> {
  const objects: ListedObject[] = [];
  for await (const object of store.list(root)) {
    objects.push(object);
    if (objects.length % REPORT_INTERVAL === 0) options.onFiles(objects.length);
  }
  const shown = objects.filter(({ url }) => !/(^|\/)\./.test(url.slice(root.length)));
  const names = shown.map(({ url }) => url.slice(root.length));
  if (names.some((name) => name.includes("/"))) return readBucketFolders(root, shown);
  const index = shown.find(({ url }) => url === root + SHARD_INDEX);
  if (index && options.labelFrom === undefined)
    return withListedShards(await openIndex(store, index.url, index), root, shown);
  const shards = new Set(shardNames(displayUrl(root), names));
  if (shards.size === 0) return readBucketFolders(root, shown);
  const byName = new Map(shown.map((object) => [object.url.slice(root.length), object]));
  const sorted = [...shards].map((name) => byName.get(name) as ListedObject);
  return readRemoteShards(root, sorted, store, options);
}

const REPORT_INTERVAL = 4096;

async function listAt(
  store: ObjectStore,
  url: string,
  options: RemoteOpenOptions,
): Promise<Dataset | Listing> {
  const shards = await namedShards(store, url, options);
  if (shards) return shards;
  const location = parseRemote(url);
  if (!("bucket" in location) && new URL(url).pathname.endsWith("/"))
    throw new VitrineError(
      "usage/data-url",
      `${displayUrl(url)}: a web server does not list its folders: give the URL of a list, of an index, ` +
        `or of tar shards in it, such as ${SHARD_INDEX} or shard-{00000..00009}.tar`,
    );
  if (!("bucket" in location)) return openObject(store, url, await store.version(url), options);
  const { key } = location;
  const version = key === "" || key.endsWith("/") ? null : await versionAt(store, url);
  if (version) return openObject(store, url, version, options);
  return openFolder(store, url.endsWith("/") ? url : `${url}/`, options);
}

/**
 * Throws what stores throw, `usage/data-url`, `data/bad-list`, `data/bad-index`, `data/missing-file`,
 * `data/no-class-folders`, `data/no-images`, `data/bad-shard`, `data/file-changed`.
 */
export async function openRemote(url: string, options: RemoteOpenOptions): Promise<Dataset> {
  const { settings } = options;
  const found = await listAt(openStore(settings), url, options);
  const path = displayUrl(url);
  if ("fingerprint" in found) return { ...found, path, remote: settings };
  return {
    ...found,
    path,
    samples: found.table.count,
    fingerprint: fingerprintOf(found),
    remote: settings,
  };
}
