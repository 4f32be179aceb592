// Run lock: RUN/lock says which process writes a run, so that a second trainer is refused. Nothing but the file's
// existence and its owner's life count, as no lock of the operating system works on every file system: the lock of a
// process that died is taken over.

import { existsSync, mkdirSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { quote, VitrineError } from "../runtime/errors.js";
import { readFileIfAnySync } from "../runtime/host/node-files.js";
import {
  isAlive,
  LARGEST_LOCK,
  type Owner,
  readOwner,
  refused,
  SILENCE_MS,
  thisOwner,
  watchNotice,
} from "./lock-owner.js";

export const LOCK_FILE = "lock";

/** The owner touches its lock this often, which is all that a process on another machine can see of it. */
const HEARTBEAT_MS = 5_000;
const LOOK_MS = 500;
/** A lock without content belongs to a process that is about to write it, or died before it could. */
const EMPTY_MS = 2_000;

/** The lock's owner; null where the file does not name one, "gone" where there is no file. */
function ownerOf(path: string): Owner | null | "gone" {
  const bytes = readFileIfAnySync(path, LARGEST_LOCK);
  return bytes === null ? "gone" : readOwner(bytes);
}

function touchedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Whether the file is touched within `forMs`; it need not be compared with this machine's clock. */
async function isTouched(path: string, forMs: number): Promise<boolean> {
  const first = touchedAt(path);
  for (let waited = 0; waited < forMs; waited += LOOK_MS) {
    await sleep(Math.min(LOOK_MS, forMs));
    if (touchedAt(path) !== first) return true;
  }
  return false;
}

export interface LockOptions {
  /** Receives a sentence before a long wait. */
  onNotice?: (text: string) => void;
  /** Default 30 s: how long a lock of another machine is watched. */
  silenceMs?: number;
}

/** Whether the lock at `path` has an owner. Watches it where its owner cannot be looked up here. */
async function isHeld(path: string, owner: Owner | null, options: LockOptions): Promise<boolean> {
  const { onNotice = () => {}, silenceMs = SILENCE_MS } = options;
  if (owner === null) return isTouched(path, Math.min(EMPTY_MS, silenceMs));
  if (owner.host === hostname()) return isAlive(owner);
  onNotice(watchNotice(path, owner, silenceMs));
  return isTouched(path, silenceMs);
}

/** Whether a process writes RUN now, as far as can be told without waiting. */
export function isRunLocked(folder: string): boolean {
  const path = join(folder, LOCK_FILE);
  const owner = ownerOf(path);
  if (owner === "gone") return false;
  if (owner?.host === hostname()) return isAlive(owner);
  return Date.now() - touchedAt(path) < SILENCE_MS;
}

/** Creates the file with this content unless it exists. */
function create(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a lock whose owner is dead. Of several processes that find it, one at a time may: otherwise the second would
 * remove the lock that the first has just taken.
 */
async function removeStale(path: string, stale: Owner | null): Promise<void> {
  const guard = `${path}.takeover`;
  if (!create(guard, "")) {
    // Removing takes a moment; a guard that stays belongs to a process that died in it.
    if (!(await isTouched(guard, EMPTY_MS))) rmSync(guard, { force: true });
    return;
  }
  try {
    if (JSON.stringify(ownerOf(path)) === JSON.stringify(stale)) rmSync(path, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

/**
 * Creates RUN; returns a function that removes it again, and the parents that were created, where they are empty. Node's
 * recursive mkdir never returns where a file system claims that a parent is missing although it is there (/proc).
 */
function makeFolder(folder: string): () => void {
  const missing: string[] = [];
  for (let path = resolve(folder); !existsSync(path) && dirname(path) !== path; path = dirname(path))
    missing.unshift(path);
  const created: string[] = [];
  const remove = (): void => {
    try {
      for (const path of created.reverse()) rmdirSync(path);
    } catch {
      // Something is in it, which stays.
    }
  };
  for (const path of missing) {
    try {
      mkdirSync(path);
      created.push(path);
    } catch (cause) {
      // Another process may create it at the same time.
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") continue;
      remove();
      throw new VitrineError("usage/out", `--out ${quote(folder)}: ${(cause as Error).message}`, { cause });
    }
  }
  return remove;
}

export interface RunLock {
  /** Removes the lock, and RUN where this lock created it and nothing was written. */
  release(): void;
}

/**
 * Takes RUN/lock, creating RUN where it is missing. Throws `usage/run-in-use` where another process has it, and
 * `usage/out` where RUN cannot be created. A lock of a dead process is taken over: one of this machine at once, one of
 * another machine after watching it for half a minute.
 */
export async function lockRun(folder: string, options: LockOptions = {}): Promise<RunLock> {
  const removeFolder = makeFolder(folder);
  const path = join(folder, LOCK_FILE);
  const owner = thisOwner();
  const text = `${JSON.stringify(owner)}\n`;
  try {
    while (!create(path, text)) {
      const found = ownerOf(path);
      if (found === "gone") continue;
      if (await isHeld(path, found, options)) throw refused(folder, found);
      await removeStale(path, found);
    }
  } catch (error) {
    removeFolder();
    if (error instanceof VitrineError) throw error;
    throw new VitrineError("usage/out", `--out ${quote(folder)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  heartbeat.unref();
  const release = (): void => {
    clearInterval(heartbeat);
    process.off("exit", release);
    // Where someone removed the lock by hand and another trainer took it, that one's stays.
    try {
      if (JSON.stringify(ownerOf(path)) === JSON.stringify(owner)) rmSync(path, { force: true });
    } catch {
      // On a disk that became read-only or was unplugged. The lock of a dead process is taken over.
    }
    removeFolder();
  };
  process.on("exit", release);
  return { release };
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Removed by hand: the run goes on.
  }
}
