// Remote reader: bytes of remote objects for many callers: a limit of requests at a time, each range once, through the
// cache where there is one, and only of objects that are still what was listed.

import { createHash } from "node:crypto";
import { LARGEST_PHOTO } from "../../../runtime/host/node-files.js";
import type {
  ByteRange,
  ObjectVersion,
  RemoteCounts,
  RemoteRead,
  RemoteSettings,
  RemoteSource,
} from "./contract.js";
import { changed, type ObjectStore, tooLarge } from "./object-store.js";
import { openStore } from "./open-store.js";
import { SEGMENT_BYTES } from "./segment-file.js";
import { ShardCache } from "./shard-cache.js";

/** Runs no more than `most` functions at a time, the others in their order. */
class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  async run<T>(body: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await body();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/** Objects whose versions were asked for and are remembered: as many as a data set has shards. */
const MOST_VERSIONS = 65_536;

export class RemoteReader implements RemoteSource {
  readonly #store: ObjectStore;
  readonly #cache: ShardCache | null;
  readonly #semaphore: Semaphore;
  readonly #versions = new Map<string, Promise<ObjectVersion>>();
  /** Reads without a cache that are under way. */
  readonly #flights = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  #requests = 0;
  #bytes = 0;

  private constructor(store: ObjectStore, cache: ShardCache | null, requests: number) {
    this.#store = store;
    this.#cache = cache;
    this.#semaphore = new Semaphore(requests);
  }

  /** `requests`: how many there are at a time. */
  static async open(
    settings: RemoteSettings,
    requests: number,
    onWarning: (text: string) => void,
  ): Promise<RemoteReader> {
    const cache = settings.cache ? await ShardCache.open(settings.cache, onWarning) : null;
    return new RemoteReader(openStore(settings), cache, requests);
  }

  get counts(): RemoteCounts {
    const cache = this.#cache?.counts ?? { hits: 0, misses: 0, damagedBlocks: 0 };
    return { ...cache, requests: this.#requests, bytes: this.#bytes };
  }

  /** Throws what `ObjectStore.read` throws, and `file/unreadable` for more than 512 MiB. */
  async read(request: RemoteRead): Promise<Uint8Array<ArrayBuffer>> {
    const { url, offset = 0, most = Number.POSITIVE_INFINITY } = request;
    const version = await this.#versionOf(request);
    const { length: wanted = version.bytes - offset } = request;
    if (wanted < 0 || offset + wanted > version.bytes)
      throw changed(url, `bytes ${offset} to ${offset + wanted} are needed, and it has ${version.bytes}`);
    const length = Math.min(wanted, most);
    if (length > LARGEST_PHOTO) throw tooLarge(url, `${length.toLocaleString("en-US")} bytes`, LARGEST_PHOTO);
    if (length === 0) return new Uint8Array();
    const range = { offset, length };
    const fetch = (part: ByteRange) =>
      version.sha256 === undefined
        ? this.#fetch(url, part, version)
        : this.#fetchHashed(url, part, version, version.sha256);
    const { etag, modifiedMs, sha256 } = version;
    // Without any of them, what was kept could be of another object.
    if (this.#cache && (etag ?? modifiedMs ?? sha256) !== undefined)
      return this.#cache.read(url, version, range, fetch);
    return this.#fetchOnce(url, range, fetch);
  }

  /** What is expected of the object; if that does not tell it from a later one of its size, what it is now. */
  async #versionOf({ url, offset, length, most, expected }: RemoteRead): Promise<ObjectVersion> {
    const { bytes, etag, modifiedMs, sha256 } = expected ?? {};
    if (bytes !== undefined && (etag ?? modifiedMs) !== undefined) return { bytes, etag, modifiedMs };
    const isWhole = offset === undefined && length === undefined;
    if (bytes !== undefined && isWhole && !this.#cache) return { bytes };
    // Its hash is compared before it is kept, so that nobody needs to ask for the object's version.
    const isHashed = isWhole && most === undefined && sha256 !== undefined;
    if (bytes !== undefined && bytes <= SEGMENT_BYTES && isHashed) return { bytes, sha256 };
    const known = this.#versions.get(url) ?? this.#semaphore.run(() => this.#store.version(url));
    this.#versions.delete(url);
    this.#versions.set(url, known);
    known.catch(() => this.#versions.delete(url));
    if (this.#versions.size > MOST_VERSIONS) {
      const [oldest] = this.#versions.keys();
      this.#versions.delete(oldest);
    }
    const found = await known;
    if (bytes !== undefined && bytes !== found.bytes)
      throw changed(
        url,
        `it had ${bytes.toLocaleString("en-US")} bytes, now ${found.bytes.toLocaleString("en-US")}`,
      );
    return found;
  }

  #fetch(url: string, range: ByteRange, version: ObjectVersion): Promise<Uint8Array<ArrayBuffer>> {
    return this.#semaphore.run(() => {
      this.#requests++;
      this.#bytes += range.length;
      return this.#store.read(url, range, version);
    });
  }

  /** Of the whole object, so that no part of another one is kept under its hash. */
  async #fetchHashed(
    url: string,
    { offset, length }: ByteRange,
    version: ObjectVersion,
    sha256: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const all = await this.#fetch(url, { offset: 0, length: version.bytes }, version);
    if (createHash("sha256").update(all).digest("hex") !== sha256)
      throw changed(url, "its SHA-256 is another one");
    return all.subarray(offset, offset + length);
  }

  /** Repeated augmentation asks for the same sample several times in a row. Each caller gets its own bytes. */
  async #fetchOnce(
    url: string,
    range: ByteRange,
    fetch: (range: ByteRange) => Promise<Uint8Array<ArrayBuffer>>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const id = `${range.offset} ${range.length} ${url}`;
    const known = this.#flights.get(id);
    if (known) return (await known).slice();
    const flight = fetch(range).finally(() => this.#flights.delete(id));
    this.#flights.set(id, flight);
    // The first caller may move its bytes to another thread as soon as it has them.
    return (await flight).slice();
  }

  async close(): Promise<void> {
    await this.#cache?.close();
  }
}

/**
 * Runs `body` with a reader in this thread, `requests` at a time; without one where `settings` are undefined, since the
 * data set is on a drive.
 */
export async function withRemoteSource<T>(
  settings: RemoteSettings | undefined,
  requests: number,
  body: (remote: RemoteSource | undefined) => Promise<T>,
): Promise<T> {
  const reader = settings && (await RemoteReader.open(settings, requests, process.emitWarning));
  try {
    return await body(reader);
  } finally {
    await reader?.close();
  }
}
