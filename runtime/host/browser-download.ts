// Browser download: a file over HTTP into one buffer. A connection that is cut is continued where it ended, what was
// kept of an earlier visit is used, and bytes whose checksum is known are compared with it.

import { VitrineError } from "../errors.js";
import { digestOf, sha256Of, wrongSum } from "./browser-checksum.js";
import {
  type Answer,
  answerText,
  bodyLength,
  expectSuccess,
  type FileVersion,
  hasVersion,
  Interrupted,
  isPage,
  isSameVersion,
  request,
  versionOf,
} from "./browser-http.js";
import type { ModelStore, PartWriter, StoredFile } from "./browser-store.js";

/** How much of a model's weights has been downloaded. */
export interface DownloadProgress {
  /** Bytes of the weights received so far, those that were kept of an earlier visit included. */
  loaded: number;
  /** Bytes of the weights; undefined where the server does not report it. */
  total: number | undefined;
}

/** What is known of a file before it is fetched, from a config.json or a list of files. */
export interface ExpectedFile {
  bytes?: number;
  /** In hexadecimal digits. */
  sha256?: string;
}

export interface DownloadOptions {
  /** Larger files are refused before memory is spent. */
  limit: number;
  expected?: ExpectedFile;
  /** The address names this content forever, as that of a commit: what was kept is not compared with the server's. */
  immutable?: boolean;
  /** Without one, nothing is kept. */
  store?: ModelStore | undefined;
  signal?: AbortSignal | undefined;
  onProgress?(progress: DownloadProgress): void;
}

export interface Downloaded {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes that came over the network, from this call. */
  received: number;
  /** Whether the bytes were compared with a SHA-256. */
  verified: boolean;
  /** Resolves when the file is in the store; why it is not, where it should be. The bytes do not change before. */
  kept: Promise<string | undefined>;
}

const keptBefore = Promise.resolve(undefined);

/** An answer in words instead of a file: it does not exist. */
export interface Missing {
  missing: string;
}

/** Waits before the second and each later try without progress, in milliseconds. */
const RETRY_WAITS_MS = [500, 1500, 4000];
/** A body of unknown length begins with this. */
const FIRST_BYTES = 2 ** 16;

function tooLarge(url: string, bytes: number, limit: number): VitrineError {
  const text = `${url}: ${bytes} bytes; allowed: ${limit}`;
  return new VitrineError("network/too-large", text, { details: { url, bytes, limit } });
}

function delay(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}

class Download {
  readonly #url: string;
  readonly #options: DownloadOptions;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #loaded = 0;
  #total: number | undefined;
  #version: FileVersion = {};
  #writer: PartWriter | undefined;
  /** From the server's answer, unless the caller knows it. */
  #sha256: string | undefined;
  received = 0;
  /** Most bytes that any try has reached: less is no progress. */
  #reached = 0;

  constructor(url: string, options: DownloadOptions) {
    this.#url = url;
    this.#options = options;
    this.#sha256 = options.expected?.sha256;
  }

  /** Continues after what was stored of a file whose download did not end. */
  async continue(file: StoredFile, store: ModelStore): Promise<void> {
    const stored = await store.read(file);
    if (!stored || stored.length === 0) return;
    // The answer to a request for the last byte says whether the file is still the same.
    const length = Math.min(stored.length, stored.bytes.length - 1);
    [this.#bytes, this.#loaded, this.#total] = [stored.bytes, length, file.total];
    this.#version = file.version;
    this.#reached = stored.length;
    this.#writer = store.write(this.#url, file.version, file.total, stored.length);
  }

  /** Tries until the file is there, or nothing came for all of the waits. */
  async run(retries?: Promise<number | undefined>): Promise<Downloaded | Missing> {
    for (let failures = 0; ; ) {
      const before = this.#reached;
      try {
        const missing = await this.#attempt();
        return missing === undefined ? await this.#finish() : { missing };
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        failures = this.#reached > before ? 0 : failures + 1;
        if (failures > ((await retries) ?? RETRY_WAITS_MS.length)) throw this.#givenUp(error);
      }
      await delay(RETRY_WAITS_MS[Math.max(0, failures - 1)], this.#options.signal);
    }
  }

  #givenUp({ message }: Interrupted): VitrineError {
    const url = this.#url;
    const details = { url, loaded: this.#loaded, total: this.#total };
    if (this.#reached === 0)
      return new VitrineError("network/unreachable", `${url}: no answer (${message})`, { details });
    const text = `${url}: the connection was cut at byte ${this.#loaded} of ${this.#total ?? "an unknown number"}, again and again (${message})`;
    return new VitrineError("network/cut", text, { details });
  }

  /** One request. Undefined once all bytes are there; else why there is no such file. */
  async #attempt(): Promise<string | undefined> {
    const { signal, store } = this.#options;
    const headers: Record<string, string> = this.#loaded > 0 ? { Range: `bytes=${this.#loaded}-` } : {};
    // A file that is kept in the store need not be in the browser's HTTP cache as well.
    const answer = await request(this.#url, { headers, signal, cache: store ? "no-store" : "no-cache" });
    try {
      const { response } = answer;
      if (response.status === 404 || response.status === 410 || (response.ok && isPage(response)))
        return answerText(response);
      if (response.status === 416) throw this.#changed();
      expectSuccess(this.#url, response);
      if (response.status === 206 && this.#loaded > 0) this.#expectRest(response);
      else this.#begin(response);
      await this.#append(answer);
      return undefined;
    } finally {
      answer.end();
    }
  }

  /** The rest that was asked for is of another file: the next try begins again. */
  #changed(): Interrupted {
    this.#loaded = 0;
    this.#version = {};
    return new Interrupted("the file changed in the middle of its download");
  }

  #expectRest(response: Response): void {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
    const rest = bodyLength(response);
    const whole = rest === undefined ? undefined : rest + this.#loaded;
    const total = range && range[2] !== "*" ? Number(range[2]) : whole;
    const starts = range === null || Number(range[1]) === this.#loaded;
    const known = this.#sha256 !== undefined;
    if (!starts || (this.#total ?? total) !== total) throw this.#changed();
    if (!known && !isSameVersion(versionOf(response), this.#version)) throw this.#changed();
  }

  #begin(response: Response): void {
    const { expected, limit, store } = this.#options;
    this.#total = bodyLength(response) ?? expected?.bytes;
    if ((this.#total ?? 0) > limit) throw tooLarge(this.#url, this.#total ?? 0, limit);
    this.#loaded = 0;
    this.#version = versionOf(response);
    this.#sha256 = expected?.sha256 ?? digestOf(response);
    this.#bytes = new Uint8Array(this.#total ?? FIRST_BYTES);
    this.#writer = store?.write(this.#url, this.#version, this.#total, 0);
  }

  #grow(length: number): void {
    const { limit } = this.#options;
    if (length > limit) throw tooLarge(this.#url, length, limit);
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.min(limit, Math.max(length, 2 * this.#bytes.length)));
    larger.set(this.#bytes.subarray(0, this.#loaded));
    this.#bytes = larger;
  }

  async #append(answer: Answer): Promise<void> {
    for await (const piece of answer.pieces()) {
      const end = this.#loaded + piece.length;
      // A server that compresses reports fewer bytes than arrive.
      if (this.#total !== undefined && end > this.#total) this.#total = undefined;
      this.#grow(end);
      this.#bytes.set(piece, this.#loaded);
      this.#loaded = end;
      this.received += piece.length;
      this.#reached = Math.max(this.#reached, end);
      this.#writer?.arrived(this.#bytes, end);
      this.#options.onProgress?.({ loaded: end, total: this.#total });
    }
    if (this.#total !== undefined && this.#loaded < this.#total)
      throw new Interrupted(`the server sent ${this.#loaded} of ${this.#total} bytes`);
  }

  async #finish(): Promise<Downloaded> {
    const whole = this.#loaded === this.#bytes.length;
    const bytes = whole ? this.#bytes : this.#bytes.slice(0, this.#loaded);
    const found = this.#sha256 === undefined ? undefined : await sha256Of(bytes);
    if (found !== undefined && found !== this.#sha256) {
      await this.#writer?.discard();
      throw wrongSum(this.#url, found, this.#sha256 ?? "");
    }
    const verified = found !== undefined;
    return { bytes, received: this.received, verified, kept: this.#keep(bytes, found) };
  }

  /** The model need not wait for it. */
  async #keep(bytes: Uint8Array<ArrayBuffer>, sha256: string | undefined): Promise<string | undefined> {
    await this.#writer?.finish(bytes, sha256);
    return this.#writer?.failure;
  }
}

/** Whether a complete file is what the server has. Without a network, it is taken as it is. */
async function isCurrent(file: StoredFile, { immutable, expected, signal }: DownloadOptions) {
  if (expected?.sha256 !== undefined) return file.sha256 === expected.sha256;
  if (immutable) return true;
  try {
    const { response, end } = await request(file.url, { method: "HEAD", cache: "no-cache", signal });
    end();
    return response.ok && !isPage(response) && isSameVersion(versionOf(response), file.version);
  } catch (error) {
    if (error instanceof Interrupted) return true;
    throw error;
  }
}

async function fromStore(file: StoredFile, options: DownloadOptions): Promise<Downloaded | Missing | null> {
  if (file.missing) return { missing: "there was no such file when the server last answered" };
  const stored = await options.store?.read(file);
  if (!stored) return null;
  await options.store?.touch(file);
  const { bytes, length } = stored;
  options.onProgress?.({ loaded: length, total: length });
  return { bytes, received: 0, verified: file.sha256 !== undefined, kept: keptBefore };
}

/** Of several tabs, or mounts of a component, one downloads a file; the others then find it in the store. */
function exclusively(
  url: string,
  { store, signal }: DownloadOptions,
  task: () => Promise<Downloaded | Missing>,
): Promise<Downloaded | Missing> {
  const locks = store && globalThis.navigator?.locks;
  if (!locks) return task();
  return new Promise((resolve, reject) => {
    const held = async () => {
      const found = await task();
      resolve(found);
      if (!("missing" in found)) await found.kept;
    };
    locks.request(`vitrine ${url}`, signal ? { signal } : {}, held).catch(reject);
  });
}

/**
 * A large file: taken from the store where it is current, else downloaded, after the part that was stored before.
 *
 * Throws `network/unreachable`, `network/http`, `network/cut` and `network/too-large`, `weights/checksum`, and the
 * signal's reason.
 */
export function download(url: string, options: DownloadOptions): Promise<Downloaded | Missing> {
  return exclusively(url, options, async () => {
    const { store, expected } = options;
    const file = await store?.find(url);
    if (file?.complete && (await isCurrent(file, options))) {
      const found = await fromStore(file, options);
      if (found) return found;
    }
    const task = new Download(url, options);
    if (store && file && !file.complete && (expected?.sha256 || hasVersion(file.version)))
      await task.continue(file, store);
    try {
      return await task.run();
    } catch (error) {
      // Bytes of an earlier visit may be damaged: once more, without them.
      const isDamaged = error instanceof VitrineError && error.code === "weights/checksum";
      if (!isDamaged || !file || file.complete) throw error;
    }
    return new Download(url, options).run();
  });
}

/**
 * A small file, as the server has it now; as it was at the last visit where there is no network. `Missing` is kept, too.
 * Throws what `download` throws.
 */
export async function downloadSmall(url: string, options: DownloadOptions): Promise<Downloaded | Missing> {
  const { store, immutable } = options;
  const finding = store?.find(url).then((file) => (file?.complete ? file : undefined));
  if (immutable) {
    const kept = await finding;
    const found = kept && (await fromStore(kept, options));
    if (found) return found;
  }
  try {
    // The store is asked while the server is.
    const retries = finding?.then(
      (kept) => (kept ? 0 : undefined),
      () => undefined,
    );
    const found = await new Download(url, options).run(retries);
    if ("missing" in found) await store?.putMissing(url);
    return found;
  } catch (error) {
    const kept = await finding;
    const isOffline =
      error instanceof VitrineError && ["network/unreachable", "network/cut"].includes(error.code);
    const found = isOffline && kept ? await fromStore(kept, options) : null;
    if (found) return found;
    throw error;
  }
}
