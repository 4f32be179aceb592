// Open segments: the files of a cache that are open, the ones that were used last.

import { SegmentFile, type SegmentKey } from "./segment-file.js";

const MOST_FILES = 128;

/** A file that is open, or being opened, and how many calls use it. */
interface OpenFile {
  file: Promise<SegmentFile | null>;
  users: number;
}

export class OpenSegments {
  readonly #folder: string;
  /** By the key's hash, the one that was used last at the end. */
  readonly #files = new Map<string, OpenFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Runs `body` with the segment's file, which stays open meanwhile; null where there is none, unless `make`. Rejects
   * with what `body` and the file system throw.
   */
  async use<T>(key: SegmentKey, make: boolean, body: (file: SegmentFile | null) => Promise<T>): Promise<T> {
    const name = key.hash.toString("base64");
    const entry: OpenFile = this.#files.get(name) ?? { file: SegmentFile.open(this.#folder, key), users: 0 };
    entry.users++;
    this.#files.delete(name);
    this.#files.set(name, entry);
    try {
      let file = await entry.file;
      if (!file && make) {
        entry.file = entry.file.then((opened) => opened ?? SegmentFile.create(this.#folder, key));
        file = await entry.file;
      }
      return await body(file);
    } catch (error) {
      // Its promise may be the failure.
      this.#drop(name, entry);
      throw error;
    } finally {
      entry.users--;
      if ((await settled(entry)) === null) this.#drop(name, entry);
      if (this.#files.get(name) !== entry && entry.users === 0) await closeFile(entry);
      await this.#closeUnused();
    }
  }

  #drop(name: string, entry: OpenFile): void {
    if (this.#files.get(name) === entry) this.#files.delete(name);
  }

  async #closeUnused(): Promise<void> {
    for (const [name, entry] of this.#files) {
      if (this.#files.size <= MOST_FILES) return;
      if (entry.users > 0) continue;
      this.#files.delete(name);
      await closeFile(entry);
    }
  }

  /** Closes the files that are in no folder any more: their bytes still are on the disk. */
  async closeRemoved(): Promise<void> {
    for (const [name, entry] of this.#files) {
      const file = await settled(entry);
      if (file && (await file.isLinked())) continue;
      this.#drop(name, entry);
      if (entry.users === 0) await closeFile(entry);
    }
  }

  async close(): Promise<void> {
    const entries = [...this.#files.values()];
    this.#files.clear();
    for (const entry of entries) await closeFile(entry);
  }
}

/** The file once it is open; null where there is none. */
const settled = (entry: OpenFile): Promise<SegmentFile | null> => entry.file.catch(() => null);

/** Closing twice does nothing. */
async function closeFile(entry: OpenFile): Promise<void> {
  const file = await settled(entry);
  await file?.close().catch(() => {});
}
