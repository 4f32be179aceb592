// Cache ledger: how many bytes a cache folder may still take, counted by all threads and processes that write to it.
//
// The file `ledger` has the bytes that were in the folder when it was last measured, and behind them one byte for each
// MiB that a writer has reserved since. Appending and asking for the length are atomic, so that writers need no lock.
// Where the length says that the folder is full, one of them measures it, removes the files that were used least
// recently, and replaces the ledger; the others go on without writing until it is done. What was used within the last hour
// stays: every epoch reads every sample in another order, so that evicting some for others, which are needed no sooner,
// would leave few of them until they are read again (of random reads 13% by calculation where the cache holds a third,
// instead of 33%). A writer that dies leaves a reservation, never a byte that is not counted.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CacheSettings } from "./contract.js";
import { TEMPORARY } from "./segment-file.js";

/** Folder of the cache for files that are read whole. */
export const INDEX_FOLDER = "indexes";

const LEDGER = "ledger";
const LOCK = "measuring";
const HEAD_BYTES = 8;
/** What one byte of the ledger stands for. */
const UNIT = 2 ** 20;
/** Units that a writer reserves at a time: the cache may exceed its size by as much for each of them. */
const RESERVED_UNITS = 8;

/** A measurement that takes longer was that of a process that ended. */
const STALE_MS = 60_000;

/** A full cache is emptied by this fraction, but by no less than `LEAST_EVICTED`. */
const EVICTED_FRACTION = 0.1;
const LEAST_EVICTED = 2 ** 28;

/** The smallest size in which that leaves something. */
export const SMALLEST_CACHE = 2 ** 29;

/** What was used within this time is in use. */
const BUSY_MS = 3_600_000;
/** Where nothing could be removed, the folder is not measured again before this time. */
const FULL_MS = 60_000;

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

interface FoundFile {
  path: string;
  bytes: number;
  usedMs: number;
}

/** Bytes on disk: of a sparse file, those of its blocks. Windows does not say. */
async function findFile(path: string): Promise<FoundFile | null> {
  try {
    const { size, blocks, mtimeMs } = await stat(path);
    return { path, bytes: blocks === undefined ? size : 512 * blocks, usedMs: mtimeMs };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Files of the cache, a folder at a time. Removes what crashes left. */
async function findFiles(folder: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || !(/^[0-9a-f]{2}$/.test(entry.name) || entry.name === INDEX_FOLDER)) continue;
    const below = join(folder, entry.name);
    const files = await Promise.all((await readdir(below)).map((name) => findFile(join(below, name))));
    for (const file of files) {
      if (file === null) continue;
      const isLeft = file.path.endsWith(TEMPORARY) && Date.now() - file.usedMs > STALE_MS;
      if (isLeft) await rm(file.path, { force: true });
      else found.push(file);
    }
  }
  return found;
}

/** Takes the lock of the one that measures; false where another one has it. */
async function takeLock(path: string): Promise<boolean> {
  for (let tries = 0; tries < 2; tries++) {
    try {
      await writeFile(path, `${process.pid}\n`, { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const taken = await findFile(path);
    if (taken !== null && Date.now() - taken.usedMs < STALE_MS) return false;
    await rm(path, { force: true });
  }
  return false;
}

export class CacheLedger {
  readonly #folder: string;
  readonly #limit: number;
  readonly #busyMs: number;
  /** When the folder may be measured; performance.now(). */
  #measurable = Number.NEGATIVE_INFINITY;
  #handle: FileHandle | null = null;
  /** Bytes of the folder when it was measured. */
  #base = 0;
  /** Bytes that this writer reserved and has not used. */
  #left = 0;
  /** Bytes that were granted and are not written yet. */
  #unwritten = 0;
  /** Calls one at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #generation = 0;
  #measuring: Promise<void> | null = null;

  constructor({ folder, bytes, busyMs = BUSY_MS }: CacheSettings) {
    this.#folder = folder;
    this.#limit = bytes;
    this.#busyMs = busyMs;
  }

  /** Makes the folder, and measures it where nothing was written to it before. Throws what the file system says. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Shows at once whether the folder can be written.
    await rm(await this.#writeTemporary(Buffer.alloc(0)), { force: true });
    await this.#removeTemporaries();
    if (!(await this.#openCurrent())) await this.measure();
  }

  /**
   * Whether `bytes` more may be written, after which `written` is called. If not, the folder is being emptied meanwhile.
   */
  reserve(bytes: number): Promise<boolean> {
    const granted = this.#last.then(async () => {
      const isGranted = await this.#reserve(bytes);
      if (isGranted) this.#unwritten += bytes;
      return isGranted;
    });
    this.#last = granted.catch(() => {});
    return granted;
  }

  /** Bytes that were granted are on the disk, or will never be. */
  written(bytes: number): void {
    this.#unwritten -= bytes;
  }

  async #reserve(bytes: number): Promise<boolean> {
    if (!(await this.#useCurrent())) {
      this.#measureSoon();
      return false;
    }
    if (this.#left >= bytes) {
      this.#left -= bytes;
      return true;
    }
    const units = Math.max(RESERVED_UNITS, Math.ceil(bytes / UNIT));
    const handle = this.#handle as unknown as FileHandle;
    if (this.#total((await handle.stat()).size) + units * UNIT > this.#limit) {
      this.#measureSoon();
      return false;
    }
    await handle.appendFile(Buffer.alloc(units));
    // Others may have appended at the same time: only the length afterwards says who still fits.
    if (this.#total((await handle.stat()).size) > this.#limit) {
      this.#measureSoon();
      return false;
    }
    this.#left += units * UNIT - bytes;
    return true;
  }

  #total(ledgerBytes: number): number {
    return this.#base + (ledgerBytes - HEAD_BYTES) * UNIT;
  }

  /** Number of ledgers that this writer has seen: with each new one, files that are open may have been removed. */
  generation(): Promise<number> {
    const seen = this.#last.then(async () => {
      await this.#useCurrent();
      return this.#generation;
    });
    this.#last = seen.catch(() => {});
    return seen;
  }

  /**
   * False where there is no ledger. What was reserved in one that was replaced counts no longer, but for what is being
   * written: it may not have been there yet when the folder was measured.
   */
  async #useCurrent(): Promise<boolean> {
    if (this.#handle && !(await this.#isCurrent())) await this.#close();
    if (this.#handle) return true;
    if (!(await this.#openCurrent())) return false;
    const units = Math.ceil(this.#unwritten / UNIT);
    if (units > 0) await (this.#handle as unknown as FileHandle).appendFile(Buffer.alloc(units));
    return true;
  }

  async #isCurrent(): Promise<boolean> {
    const { nlink } = await (this.#handle as FileHandle).stat();
    return nlink > 0;
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    this.#left = 0;
    await handle?.close();
  }

  async #openCurrent(): Promise<boolean> {
    try {
      const handle = await open(join(this.#folder, LEDGER), constants.O_RDWR | constants.O_APPEND);
      const head = Buffer.alloc(HEAD_BYTES);
      const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
      const base = head.readDoubleLE(0);
      if (bytesRead < HEAD_BYTES || !(base >= 0)) {
        await handle.close();
        return false;
      }
      this.#handle = handle;
      this.#base = base;
      this.#left = 0;
      this.#generation++;
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  #measureSoon(): void {
    if (performance.now() < this.#measurable) return;
    this.#measuring ??= this.measure()
      .catch(() => {})
      .finally(() => {
        this.#measuring = null;
      });
  }

  /** Measures the folder, removes what was used least recently where it is full, and begins a new ledger. */
  async measure(): Promise<void> {
    const lock = join(this.#folder, LOCK);
    if (!(await takeLock(lock))) return;
    try {
      const files = await findFiles(this.#folder);
      let used = files.reduce((sum, { bytes }) => sum + bytes, 0);
      const target = this.#limit - Math.max(LEAST_EVICTED, EVICTED_FRACTION * this.#limit);
      const now = Date.now();
      for (const { path, bytes, usedMs } of files.sort((a, b) => a.usedMs - b.usedMs)) {
        // A limit that is lower than it was is kept in any case.
        if (used <= (now - usedMs < this.#busyMs ? this.#limit : target)) break;
        await rm(path, { force: true });
        used -= bytes;
      }
      const isFull = used + RESERVED_UNITS * UNIT > this.#limit;
      if (isFull) this.#measurable = performance.now() + FULL_MS;
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeDoubleLE(used, 0);
      await rename(await this.#writeTemporary(head), join(this.#folder, LEDGER));
    } finally {
      await rm(lock, { force: true });
    }
  }

  async #writeTemporary(bytes: Uint8Array): Promise<string> {
    const path = join(this.#folder, `${LEDGER}.${randomBytes(6).toString("hex")}${TEMPORARY}`);
    await writeFile(path, bytes, { flag: "wx", mode: 0o600 });
    return path;
  }

  async #removeTemporaries(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith(TEMPORARY)) continue;
      const file = await findFile(join(this.#folder, name));
      if (file !== null && Date.now() - file.usedMs > STALE_MS) await rm(file.path, { force: true });
    }
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#measuring;
    await this.#close();
  }
}
