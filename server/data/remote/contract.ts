// Contract of remote data sets: which objects are meant, what is asked for, and how it is read. Plain values, which cross
// threads.

/** Which object is meant: every field that is known must be the same at each read. */
export interface ObjectVersion {
  bytes: number;
  /** As the store writes it, quotation marks included. */
  etag?: string | undefined;
  /** Last-Modified, milliseconds since 1970, whole seconds. */
  modifiedMs?: number | undefined;
  /** SHA-256 of all of its bytes, hex. */
  sha256?: string | undefined;
}

export interface ByteRange {
  offset: number;
  /** At least 1. */
  length: number;
}

/** A sample's bytes, or the first `most` of them. */
export interface RemoteRead {
  url: string;
  /** Default 0. */
  offset?: number | undefined;
  /** Default: up to the object's end. */
  length?: number | undefined;
  most?: number | undefined;
  /** What is known of the object; the SHA-256 is that of the bytes that are read. */
  expected?: Partial<ObjectVersion> | undefined;
}

/** Reads remote samples, here or in other threads. Each result is an array of its own. */
export interface RemoteSource {
  read(request: RemoteRead): Promise<Uint8Array<ArrayBuffer>>;
}

export interface RetryPolicy {
  /** Tries after the first one. */
  retries: number;
  /** The wait before retry k = 0, 1, … is drawn from 0 to `baseMs` · 2ᵏ, but to no more than `capMs`. */
  baseMs: number;
  capMs: number;
  /** No try begins later than this after the first one. */
  deadlineMs: number;
}

export interface TransferLimits {
  /** Milliseconds to resolve the name, connect, and agree on TLS. */
  connectMs: number;
  /** Milliseconds from then to the head of the answer, and without a byte of its body. */
  idleMs: number;
  /** Milliseconds of the whole transfer, in addition to a second for each 64 KiB. */
  totalMs: number;
}

export const TRANSFER_LIMITS: TransferLimits = { connectMs: 5_000, idleMs: 10_000, totalMs: 20_000 };

/** How stores are reached. */
export interface StoreSettings {
  /** Endpoint of an S3-compatible store, instead of Amazon's. */
  s3Endpoint?: string | undefined;
  retry?: RetryPolicy;
  limits?: TransferLimits;
}

export interface CacheSettings {
  folder: string;
  /** Bytes that it may take, at least 512 MiB. */
  bytes: number;
  /** Milliseconds after its last use in which nothing is evicted. Default: an hour. */
  busyMs?: number;
}

/** How remote data sets are read. */
export interface RemoteSettings extends StoreSettings {
  /** Default: nothing is kept. */
  cache?: CacheSettings | undefined;
  /** Requests at a time for each decode thread. Default 24. */
  readsPerWorker?: number;
}

/** A thread decodes up to twenty photographs in 30 ms of latency. */
export const DEFAULT_READS_PER_WORKER = 24;

/** What a cache did since it was opened. */
export interface CacheCounts {
  /** Reads that were answered from the disk, and those that were not or not in full. */
  hits: number;
  misses: number;
  /** Blocks whose checksum was wrong, and which were fetched again. */
  damagedBlocks: number;
}

/** What a reader did since it was opened. */
export interface RemoteCounts extends CacheCounts {
  /** Reads of ranges, however often each was tried. */
  requests: number;
  bytes: number;
}
