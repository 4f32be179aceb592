// Service totals: what a data server has done and waited for since its start, as plain numbers that cost next to nothing
// to keep. metrics.ts shows them.

import type { StageSeconds } from "../../runtime/batches/sample-task.js";
import type { ErrorCode } from "../../runtime/errors.js";

export function addStages(to: StageSeconds, more: StageSeconds): void {
  to.read += more.read;
  to.decode += more.decode;
  to.mix += more.mix;
}

/** Seconds that streams waited, added up over streams. */
export interface WaitSeconds {
  /** For the client to grant credit: it computes longer than batches take to be made. */
  credit: number;
  /** For a batch to be made. */
  batch: number;
  /** For the network, or a client that does not read, to take a batch. */
  send: number;
}

/** What one stream, or all, have sent and waited for. */
export class StreamTotals {
  batches = 0;
  images = 0;
  bytes = 0;
  readonly waits: WaitSeconds = { credit: 0, batch: 0, send: 0 };

  addWait(kind: keyof WaitSeconds, milliseconds: number): void {
    this.waits[kind] += milliseconds / 1000;
  }
}

export class ServiceTotals extends StreamTotals {
  /** Copying batches into frames. */
  readonly encoding = { seconds: 0 };
  /** Code → files that were skipped, or used in part. */
  readonly skipped = new Map<ErrorCode, number>();
  readonly kept = new Map<ErrorCode, number>();
  /** Code → streams that ended with it. */
  readonly failures = new Map<ErrorCode, number>();
}

export function countCode(counts: Map<ErrorCode, number>, code: ErrorCode): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}

export interface PoolLoad {
  workers: number;
  /** Threads that have a task. */
  busy: number;
  /** Tasks that wait for a thread. */
  queued: number;
  /** Of all threads, since the start. */
  stages: StageSeconds;
}

/** What a data service tells of itself at any time. */
export interface MeasuredService {
  /** Number of open streams. */
  streams(): number;
  /** Credit of all streams that is taken and not yet granted back, in bytes. */
  bytesOutstanding(): number;
  /** Memory that the open streams may take, in bytes. */
  bytesReserved(): number;
  /** Bytes of batches that no stream holds, kept for those that will. */
  bytesKept(): number;
  /** Batches started, and those that a stream got of another one's, since the start. */
  batches(): { made: number; shared: number };
  /** The limit of what is reserved and kept together. */
  readonly memoryBytes: number;
  readonly totals: ServiceTotals;
  /** Streams that have credit and have sent nothing for ten seconds. */
  streamsWithoutProgress(): number;
  /** Of the decode threads; zeros until the data set is open. */
  load(): PoolLoad;
}
