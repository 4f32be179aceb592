// Bucket lock: the object RUN/lock says which process writes a run, so that a second trainer is refused before it computes
// anything. It is a courtesy: what keeps two trainers from mixing their checkpoints is the condition of each commit.

import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isVitrineError } from "../../runtime/errors.js";
import {
  isAlive,
  LARGEST_LOCK,
  type Owner,
  readOwner,
  refused,
  SILENCE_MS,
  thisOwner,
  watchNotice,
} from "../lock-owner.js";
import type { RunBucket } from "./run-bucket.js";

const LOCK = "lock";

/** The owner writes its lock again this often: the only sign of life that other machines see. */
const HEARTBEAT_MS = 10_000;
const LOOK_MS = 1_000;

export interface BucketLock {
  release(): Promise<void>;
}

export interface BucketLockOptions {
  onNotice: (text: string) => void;
  /** How long a lock of another machine is watched. Default 30 s. */
  silenceMs?: number | undefined;
}

const sameText = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Whether the process that wrote `seen` still runs. Watches the lock where that process is on another machine. */
async function isHeld(
  bucket: RunBucket,
  seen: Uint8Array,
  owner: Owner | null,
  { onNotice, silenceMs = SILENCE_MS }: BucketLockOptions,
): Promise<boolean> {
  if (owner !== null && owner.host === hostname()) return isAlive(owner);
  if (owner !== null) onNotice(watchNotice(`${bucket.url}/${LOCK}`, owner, silenceMs));
  const until = performance.now() + silenceMs;
  while (performance.now() < until) {
    await sleep(Math.min(LOOK_MS, silenceMs));
    const found = await bucket.read(LOCK, LARGEST_LOCK);
    if (found === null) return false;
    if (!sameText(found.bytes, seen)) return true;
  }
  return false;
}

/** Throws `usage/run-in-use` where another process has it, and `network/…`. */
export async function lockBucket(bucket: RunBucket, options: BucketLockOptions): Promise<BucketLock> {
  const found = await bucket.read(LOCK, LARGEST_LOCK);
  if (found !== null) {
    const owner = readOwner(found.bytes);
    if (await isHeld(bucket, found.bytes, owner, options)) throw refused(bucket.url, owner);
  }
  const own = thisOwner();
  let beats = 0;
  const write = async (): Promise<void> => {
    await bucket.write(LOCK, new TextEncoder().encode(`${JSON.stringify({ ...own, beats: beats++ })}\n`));
  };
  await write();
  let beating: Promise<void> = Promise.resolve();
  let isBeating = false;
  const heartbeat = setInterval(() => {
    if (isBeating) return;
    isBeating = true;
    // A store that is away for longer than that ends the run at its next checkpoint.
    beating = write()
      .catch(() => {})
      .finally(() => {
        isBeating = false;
      });
  }, HEARTBEAT_MS);
  heartbeat.unref();
  const isOwn = async (): Promise<boolean> => {
    const at = await bucket.read(LOCK, LARGEST_LOCK);
    const owner = at && readOwner(at.bytes);
    return owner?.pid === own.pid && owner.host === own.host && owner.started === own.started;
  };
  return {
    async release() {
      clearInterval(heartbeat);
      await beating;
      try {
        if (await isOwn()) await bucket.remove(LOCK);
      } catch (error) {
        // The lock of a process that ended is taken over.
        if (!isVitrineError(error)) throw error;
      }
    },
  };
}
