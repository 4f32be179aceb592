// Browser store: files of models in the browser's Cache API, in parts, so that a download continues after a reload and a
// second visit needs no network.

import type { FileVersion } from "./browser-http.js";

const CACHE = "vitrine-weights";
/** Written while a file arrives: as much is lost when a page is closed in the middle. */
const PART_BYTES = 4 * 2 ** 20;
/** Left of the browser's quota for others. */
const SPARE_BYTES = 32 * 2 ** 20;

/** What is known of a file in the store. */
export interface StoredFile {
  url: string;
  version: FileVersion;
  /** Undefined while it arrives from a server that does not say. */
  total?: number;
  complete: boolean;
  /** The server has no such file. */
  missing?: boolean;
  /** Of its bytes, in hexadecimal digits, where it was compared. */
  sha256?: string;
  /** Milliseconds since 1970: the longest unused is removed first where room is needed. */
  usedAt: number;
}

/** No such host exists: the keys are addresses only because the Cache API asks for them. */
const keyOf = (url: string, entry: string | number) =>
  `https://vitrine.invalid/${encodeURIComponent(url)}/${entry}`;
const FACTS = "facts";

/** Removes everything that the classifier keeps of models: the next load downloads it again. */
export async function clearCache(): Promise<void> {
  await globalThis.caches?.delete(CACHE);
}

/** A store; undefined where the browser has none, as in pages over plain HTTP, or does not open it. */
export async function openStore(): Promise<ModelStore | undefined> {
  try {
    return globalThis.caches && (await ModelStore.open(CACHE));
  } catch {
    // Browsers refuse storage in private windows and third-party frames.
    return undefined;
  }
}

/** The beginning of a file, in a buffer for all of it. */
export interface StoredBytes {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

export class ModelStore {
  readonly #cache: Cache;

  // Private, so that the declarations need no type of the DOM.
  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  static async open(name: string): Promise<ModelStore> {
    return new ModelStore(await caches.open(name));
  }

  async #get(url: string, entry: string | number): Promise<Response | undefined> {
    return this.#cache.match(keyOf(url, entry));
  }

  async #putFacts(file: StoredFile): Promise<void> {
    await this.#cache.put(keyOf(file.url, FACTS), new Response(JSON.stringify(file)));
  }

  async find(url: string): Promise<StoredFile | undefined> {
    return (await this.#get(url, FACTS))?.json();
  }

  /** All of a complete file, or the whole parts of another; null where a complete one lacks a part. */
  async read({ url, total, complete }: StoredFile): Promise<StoredBytes | null> {
    let bytes = new Uint8Array(total ?? 0);
    let length = 0;
    let index = 0;
    for (let entry = await this.#get(url, 0); entry; entry = await this.#get(url, ++index)) {
      const part = new Uint8Array(await entry.arrayBuffer());
      if (!complete && part.length !== PART_BYTES) break;
      if (length + part.length > bytes.length) {
        const larger = new Uint8Array(2 * (length + part.length));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(part, length);
      length += part.length;
    }
    if (complete && length !== total) return null;
    return { bytes: total === undefined ? bytes.slice(0, length) : bytes, length };
  }

  /** Notes that a file was used. Storing is a convenience: where it fails, nothing else does. */
  async touch(file: StoredFile): Promise<void> {
    await this.#putFacts({ ...file, usedAt: Date.now() }).catch(() => {});
  }

  async putMissing(url: string): Promise<void> {
    await this.remove(url);
    await this.touch({ url, version: {}, complete: true, missing: true, usedAt: 0 });
  }

  async remove(url: string): Promise<void> {
    const prefix = keyOf(url, "");
    for (const { url: key } of await this.#cache.keys())
      if (key.startsWith(prefix)) await this.#cache.delete(key);
  }

  async #storedFiles(): Promise<StoredFile[]> {
    const keys = (await this.#cache.keys()).filter(({ url }) => url.endsWith(`/${FACTS}`));
    const entries = await Promise.all(keys.map((key) => this.#cache.match(key)));
    return Promise.all(entries.flatMap((entry) => (entry ? [entry.json() as Promise<StoredFile>] : [])));
  }

  /** Whether the quota has room for `bytes` more, once the longest unused files are removed. */
  async #makeRoom(bytes: number, url: string): Promise<boolean> {
    const others = (await this.#storedFiles()).filter((file) => file.url !== url && (file.total ?? 0) > 0);
    others.sort((one, other) => other.usedAt - one.usedAt);
    while (true) {
      const { quota, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      if (quota === undefined || quota - usage >= bytes + SPARE_BYTES) return true;
      const oldest = others.pop();
      if (!oldest) return false;
      await this.remove(oldest.url);
    }
  }

  /**
   * Begins to store a file, or goes on after `stored` bytes, which are whole parts. A file for which there is no room is
   * not stored; that is no error, and `PartWriter.failure` says it.
   */
  write(url: string, version: FileVersion, total: number | undefined, stored: number): PartWriter {
    const facts = { url, version, ...(total !== undefined && { total }), complete: false };
    return new PartWriter(
      {
        begin: async () => {
          if (stored === 0) await this.remove(url);
          const fits = await this.#makeRoom((total ?? PART_BYTES) - stored, url);
          if (fits) await this.#putFacts({ ...facts, usedAt: Date.now() });
          return fits;
        },
        putFacts: (more) => this.#putFacts({ ...facts, usedAt: Date.now(), ...more }),
        putPart: (index, part) => this.#cache.put(keyOf(url, index), new Response(part)),
        discard: () => this.remove(url),
      },
      stored,
    );
  }
}

/** Where the parts of one file go. */
interface PartStore {
  /** Whether there is room. */
  begin(): Promise<boolean>;
  putFacts(more: Partial<StoredFile>): Promise<void>;
  /** Has copied the part when it returns. */
  putPart(index: number, part: Uint8Array<ArrayBuffer>): Promise<void>;
  discard(): Promise<void>;
}

export class PartWriter {
  readonly #store: PartStore;
  #written: number;
  /**
   * The part that is being written. What is handed to the browser stays in memory until the garbage collector runs, with
   * all of its buffer: the part is a copy, in a buffer that serves all parts.
   */
  #part = new Uint8Array(0);
  #last: Promise<void> = Promise.resolve();
  /** Why the file is not stored; undefined where it is. */
  failure: string | undefined;

  constructor(store: PartStore, stored: number) {
    this.#store = store;
    this.#written = stored;
    void this.#enqueue(async () => {
      if (!(await store.begin())) this.failure = "the browser's storage has no room for it";
    });
  }

  /** Tasks run in turn; after the first that fails, none. */
  #enqueue(task: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.failure !== undefined) return;
      try {
        await task();
      } catch (error) {
        this.failure = `the browser's storage refuses it: ${(error as Error).message}`;
        await this.#store.discard().catch(() => {});
      }
    });
    return this.#last;
  }

  #putPart(bytes: Uint8Array<ArrayBuffer>, end: number): void {
    const index = Math.floor(this.#written / PART_BYTES);
    const part = bytes.subarray(this.#written, end);
    this.#written = end;
    void this.#enqueue(() => {
      if (this.#part.length < part.length) this.#part = new Uint8Array(part.length);
      this.#part.set(part);
      return this.#store.putPart(index, this.#part.subarray(0, part.length));
    });
  }

  /** The first `length` of `bytes` have arrived, and do not change until `finish` resolves. */
  arrived(bytes: Uint8Array<ArrayBuffer>, length: number): void {
    if (this.failure !== undefined) return;
    while (length - this.#written >= PART_BYTES) this.#putPart(bytes, this.#written + PART_BYTES);
  }

  /** All have arrived, and are what they should be. Resolves when they are stored, or will not be. */
  async finish(bytes: Uint8Array<ArrayBuffer>, sha256?: string): Promise<void> {
    this.arrived(bytes, bytes.length);
    if (this.#written < bytes.length) this.#putPart(bytes, bytes.length);
    const facts = { total: bytes.length, complete: true, ...(sha256 !== undefined && { sha256 }) };
    await this.#enqueue(() => this.#store.putFacts(facts));
  }

  /** What has arrived is not what it should be. */
  async discard(): Promise<void> {
    await this.#last;
    await this.#store.discard().catch(() => {});
  }
}
