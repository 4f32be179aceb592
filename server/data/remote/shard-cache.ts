// Shard cache: what was read of remote objects, on a disk, within a number of bytes.
//
// How much is fetched follows from how objects are read. In a global permutation consecutive samples are of different
// shards: only the blocks that a sample needs are fetched, since the rest may be evicted before it is needed. Where
// several reads of the same 8 MiB miss within as many others as the cache could hold, the rest of them is needed soon
// (a shuffle window, a validation in order, a data set that fits), and they are fetched in one request.

import { quote } from "../../../runtime/errors.js";
import { CacheLedger } from "./cache-ledger.js";
import type { ByteRange, CacheCounts, CacheSettings, ObjectVersion } from "./contract.js";
import { OpenSegments } from "./open-segments.js";
import {
  BLOCK_BYTES,
  type CachedBlocks,
  SEGMENT_BYTES,
  type SegmentKey,
  segmentKey,
} from "./segment-file.js";

/** Fetched as a whole where its parts are needed one by one. */
const CHUNK_BLOCKS = 128;
const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;
/** The miss that fetches the rest of a chunk. */
const HOT_MISSES = 3;
/** Chunks whose misses are remembered: as many as half of the cache holds, within these bounds. */
const FEWEST_REMEMBERED = 16;
const MOST_REMEMBERED = 65_536;

/** Bytes fetched that wait to be written: a slow disk must hold up no sample. */
const MOST_UNWRITTEN = 2 ** 26;
/** A segment's time of use is written no more often. */
const TOUCH_MS = 30_000;
/** After a failed write nothing is written for this long. */
const REST_MS = 300_000;
const REVALIDATION_MS = 1_000;

interface BlockSpan {
  first: number;
  last: number;
}

interface Fetched {
  first: number;
  bytes: Uint8Array;
}

type Fetch = (range: ByteRange) => Promise<Uint8Array>;

export class ShardCache {
  readonly #folder: string;
  readonly #ledger: CacheLedger;
  readonly #onWarning: (text: string) => void;
  readonly #remembered: number;
  readonly #files: OpenSegments;
  /** What is being fetched now, so that it is fetched once. */
  readonly #flights = new Map<string, Promise<Fetched>>();
  /** Chunk → its misses, the one that missed last at the end. */
  readonly #misses = new Map<string, number>();
  readonly #writes = new Set<Promise<void>>();
  readonly #revalidation: NodeJS.Timeout;
  readonly counts: CacheCounts = { hits: 0, misses: 0, damagedBlocks: 0 };
  /** Of the ledger, when the open files were looked at. */
  #generation = 0;
  #unwritten = 0;
  #restUntil = Number.NEGATIVE_INFINITY;
  #warned = false;

  private constructor(settings: CacheSettings, onWarning: (text: string) => void) {
    const { folder, bytes } = settings;
    this.#folder = folder;
    this.#files = new OpenSegments(folder);
    this.#onWarning = onWarning;
    this.#ledger = new CacheLedger(settings);
    const half = Math.floor(bytes / CHUNK_BYTES / 2);
    this.#remembered = Math.min(MOST_REMEMBERED, Math.max(FEWEST_REMEMBERED, half));
    this.#revalidation = setInterval(() => void this.#closeEvicted(), REVALIDATION_MS);
    this.#revalidation.unref();
  }

  /** A folder that cannot be used is a warning, and the cache then keeps nothing. */
  static async open(settings: CacheSettings, onWarning: (text: string) => void): Promise<ShardCache> {
    const cache = new ShardCache(settings, onWarning);
    await cache.#ledger.open().catch((error: unknown) => cache.#fail(error));
    return cache;
  }

  /** The bytes `range` of the object, those that are not on disk by `fetch`. Rejects with what `fetch` rejects with. */
  async read(
    url: string,
    version: ObjectVersion,
    { offset, length }: ByteRange,
    fetch: Fetch,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const end = offset + length;
    const parts: Promise<Uint8Array<ArrayBuffer>>[] = [];
    for (let start = offset; start < end; ) {
      const index = Math.floor(start / SEGMENT_BYTES);
      const base = index * SEGMENT_BYTES;
      const stop = Math.min(end, base + SEGMENT_BYTES);
      const fetchPart: Fetch = (part) => fetch({ offset: base + part.offset, length: part.length });
      parts.push(this.#readPart(segmentKey(url, version, index), start - base, stop - base, fetchPart));
      start = stop;
    }
    if (parts.length === 1) return parts[0];
    const whole = new Uint8Array(length);
    let place = 0;
    for (const part of await Promise.all(parts)) {
      whole.set(part, place);
      place += part.length;
    }
    return whole;
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    clearInterval(this.#revalidation);
    await Promise.all(this.#writes);
    await this.#files.close();
    await this.#ledger.close();
  }

  /** The bytes from `start` to `stop` of a segment. */
  async #readPart(
    key: SegmentKey,
    start: number,
    stop: number,
    fetch: Fetch,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const first = Math.floor(start / BLOCK_BYTES);
    const last = Math.floor((stop - 1) / BLOCK_BYTES);
    const from = start - first * BLOCK_BYTES;
    const { bytes, missing, damaged } = await this.#lookUp(key, first, last);
    this.counts.damagedBlocks += damaged;
    if (missing) {
      this.counts.misses++;
      const fetched = await this.#fetchOnce(key, missing, fetch);
      const skipped = (missing.first - fetched.first) * BLOCK_BYTES;
      const wanted = (missing.last - missing.first + 1) * BLOCK_BYTES;
      bytes.set(fetched.bytes.subarray(skipped, skipped + wanted), (missing.first - first) * BLOCK_BYTES);
    } else this.counts.hits++;
    return bytes.slice(from, from + stop - start);
  }

  async #lookUp(key: SegmentKey, first: number, last: number): Promise<CachedBlocks> {
    const nothing = (): CachedBlocks => {
      const end = Math.min((last + 1) * BLOCK_BYTES, key.bytes);
      return { bytes: new Uint8Array(end - first * BLOCK_BYTES), missing: { first, last }, damaged: 0 };
    };
    try {
      return await this.#files.use(key, false, async (file) => {
        if (!file) return nothing();
        if (performance.now() - file.touchedAt > TOUCH_MS) await file.touch();
        return file.read(first, last);
      });
    } catch (error) {
      this.#warn(error);
      return nothing();
    }
  }

  /** Blocks that have `missing` among them; several calls for the same ones are one request. */
  #fetchOnce(key: SegmentKey, missing: BlockSpan, fetch: Fetch): Promise<Fetched> {
    const name = key.hash.toString("base64");
    const chunk = Math.floor(missing.first / CHUNK_BLOCKS);
    const isOneChunk = chunk === Math.floor(missing.last / CHUNK_BLOCKS);
    const chunkId = `${name} ${chunk}`;
    const spanId = `${name} ${missing.first}-${missing.last}`;
    const known = (isOneChunk ? this.#flights.get(chunkId) : undefined) ?? this.#flights.get(spanId);
    if (known) return known;
    const isHot = isOneChunk && this.#noteMiss(chunkId) >= HOT_MISSES;
    const id = isHot ? chunkId : spanId;
    const lastBlock = Math.ceil(key.bytes / BLOCK_BYTES) - 1;
    const span = isHot
      ? { first: chunk * CHUNK_BLOCKS, last: Math.min((chunk + 1) * CHUNK_BLOCKS - 1, lastBlock) }
      : missing;
    const flight = this.#fetch(key, span, fetch).finally(() => this.#flights.delete(id));
    this.#flights.set(id, flight);
    return flight;
  }

  /** Number of misses of a chunk within the last ones that are remembered. */
  #noteMiss(chunkId: string): number {
    const misses = (this.#misses.get(chunkId) ?? 0) + 1;
    this.#misses.delete(chunkId);
    this.#misses.set(chunkId, misses);
    if (this.#misses.size > this.#remembered) {
      const [oldest] = this.#misses.keys();
      this.#misses.delete(oldest);
    }
    return misses;
  }

  async #fetch(key: SegmentKey, { first, last }: BlockSpan, fetch: Fetch): Promise<Fetched> {
    const offset = first * BLOCK_BYTES;
    const bytes = await fetch({ offset, length: Math.min((last + 1) * BLOCK_BYTES, key.bytes) - offset });
    this.#keep(key, first, bytes);
    return { first, bytes };
  }

  /** Writes blocks in the background, unless there is no place or no time. */
  #keep(key: SegmentKey, first: number, bytes: Uint8Array): void {
    if (this.#unwritten + bytes.length > MOST_UNWRITTEN || performance.now() < this.#restUntil) return;
    this.#unwritten += bytes.length;
    const write = this.#write(key, first, bytes)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#unwritten -= bytes.length;
        this.#writes.delete(write);
      });
    this.#writes.add(write);
  }

  async #write(key: SegmentKey, first: number, bytes: Uint8Array): Promise<void> {
    if (!(await this.#ledger.reserve(bytes.length))) return;
    try {
      await this.#files.use(key, true, async (file) => {
        await file?.write(first, bytes);
      });
    } finally {
      this.#ledger.written(bytes.length);
    }
  }

  /** The bytes of a removed file that is open still are on the disk. */
  async #closeEvicted(): Promise<void> {
    try {
      const generation = await this.#ledger.generation();
      if (generation === this.#generation) return;
      this.#generation = generation;
      await this.#files.closeRemoved();
    } catch (error) {
      this.#warn(error);
    }
  }

  /** Nothing is written for a while: a full disk may have room again later. */
  #fail(error: unknown): void {
    this.#restUntil = performance.now() + REST_MS;
    this.#warn(error);
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    this.#onWarning(
      `the cache ${quote(this.#folder)} cannot be used (${quote(reason)}): samples are read without it; free space, ` +
        "or name another folder with --cache",
    );
  }
}
