// Browser source: the files of a model over HTTP, for a page.

import {
  type Downloaded,
  type DownloadProgress,
  download,
  downloadSmall,
  type ExpectedFile,
  type Missing,
} from "./browser-download.js";
import { type ModelStore, openStore } from "./browser-store.js";
import type { CancelSignal, Url } from "./environment-types.js";
import { CONFIG_FILE, type ModelSource, PREPROCESSOR_FILE, WEIGHTS_FILE } from "./host.js";

/** Where a file of a model is, and what is known of it. */
export interface SourceFile {
  url: string;
  expected?: ExpectedFile | undefined;
  /** The address names this content forever. */
  immutable?: boolean;
}

/** Where the weights came from. */
export interface DownloadFacts {
  /** Bytes of the weights that came over the network; 0 where all of them were kept of an earlier visit. */
  bytes: number;
  /** Whether no byte of the weights came over the network. */
  fromCache: boolean;
  /** Whether the weights were compared with a SHA-256 of config.json, of a list of models, of the Hub or of the server. */
  verified: boolean;
  /** Why the weights were not kept for the next visit; undefined where they were, will be, or should not be. */
  notKept?: string;
}

/** A file that may hold a model's weights, and what is known of it. */
export interface WeightsFile {
  file: string;
  expected?: ExpectedFile;
}

/** How a model is fetched. */
export interface HttpSourceOptions {
  /** Keep the files in the browser's Cache API, and use what is there. Default true. */
  cache?: boolean;
  signal?: CancelSignal | undefined;
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** SHA-256 of the weights in hexadecimal digits, as the caller knows it: it counts before what others say of them. */
  sha256?: string | undefined;
  /**
   * The files that may hold the weights, for a config.json that offers several: the first that exists is read. Without
   * it, model.safetensors. The text is empty where there is no config.json; `isKept`: whether all of a file was kept of
   * an earlier visit.
   */
  chooseWeights?(config: string, isKept: (file: string) => Promise<boolean>): Promise<readonly WeightsFile[]>;
}

/** A model over HTTP. */
export interface HttpModelSource extends ModelSource {
  /** Of the weights that were read. `notKept` is complete once `kept` has resolved. */
  readonly facts: DownloadFacts;
  /** Resolves when the weights that were read are in the store, or will not be. They must not change before. */
  readonly kept: Promise<void>;
}

/** As Node reads them. */
const LARGEST_TEXT = 16 * 2 ** 20;
const LARGEST_WEIGHTS = 2 ** 32 - 2 ** 20;

class HttpSource implements HttpModelSource {
  readonly name: string;
  readonly location: string;
  readonly #locate: (file: string) => SourceFile | null;
  readonly #options: HttpSourceOptions;
  readonly #store: Promise<ModelStore | undefined>;
  readonly #small = new Map<string, Promise<Downloaded | Missing>>();
  readonly #missing = new Map<string, string>();
  readonly #facts: DownloadFacts[] = [];
  #kept: Promise<void> = Promise.resolve();

  constructor(
    name: string,
    location: string,
    locate: (file: string) => SourceFile | null,
    options: HttpSourceOptions,
  ) {
    this.name = name;
    this.location = location;
    this.#locate = locate;
    this.#options = options;
    this.#store = options.cache === false ? Promise.resolve(undefined) : openStore();
  }

  get facts(): DownloadFacts {
    const bytes = this.#facts.reduce((sum, each) => sum + each.bytes, 0);
    const notKept = this.#facts.find((each) => each.notKept !== undefined)?.notKept;
    const verified = this.#facts.length > 0 && this.#facts.every((each) => each.verified);
    return { bytes, fromCache: bytes === 0, verified, ...(notKept !== undefined && { notKept }) };
  }

  get kept(): Promise<void> {
    return this.#kept;
  }

  missing(file: string): string | undefined {
    return this.#missing.get(file);
  }

  async read(file: string): Promise<Uint8Array<ArrayBuffer> | null> {
    if (!file.endsWith(".json")) return this.#readWeights(file);
    // Both are wanted of every model: one wait for both.
    if (file === CONFIG_FILE) void this.#readSmall(PREPROCESSOR_FILE).catch(() => {});
    return this.#found(file, await this.#readSmall(file));
  }

  #found(file: string, found: Downloaded | Missing): Uint8Array<ArrayBuffer> | null {
    if (!("missing" in found)) return found.bytes;
    this.#missing.set(file, `${this.#locate(file)?.url}: ${found.missing}`);
    return null;
  }

  #readSmall(file: string): Promise<Downloaded | Missing> {
    const reading = this.#small.get(file) ?? this.#fetchSmall(file);
    this.#small.set(file, reading);
    return reading;
  }

  async #fetchSmall(file: string): Promise<Downloaded | Missing> {
    const located = this.#locate(file);
    if (located === null) return { missing: "the model has no such file" };
    const { url, immutable = false } = located;
    const signal = this.#options.signal as AbortSignal | undefined;
    return downloadSmall(url, { limit: LARGEST_TEXT, store: await this.#store, immutable, signal });
  }

  async #readWeights(file: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const files = (file === WEIGHTS_FILE && (await this.#chooseWeights())) || [{ file }];
    for (const each of files) {
      const found = await this.#fetchWeights(each);
      if (found) return found;
    }
    return null;
  }

  async #fetchWeights({ file, expected: known }: WeightsFile): Promise<Uint8Array<ArrayBuffer> | null> {
    const { signal, onProgress, sha256 } = this.#options;
    const located = this.#locate(file);
    if (located === null) return null;
    const { url, immutable = false } = located;
    const expected = sha256 === undefined ? (located.expected ?? known) : { sha256 };
    const found = await download(url, {
      limit: LARGEST_WEIGHTS,
      store: await this.#store,
      immutable,
      signal: signal as AbortSignal | undefined,
      ...(expected && { expected }),
      ...(onProgress && { onProgress }),
    });
    if (!("missing" in found)) {
      const { received, verified, kept } = found;
      const facts: DownloadFacts = { bytes: received, fromCache: received === 0, verified };
      this.#facts.push(facts);
      const before = this.#kept;
      this.#kept = kept.then((reason) => {
        if (reason !== undefined) facts.notKept = reason;
        return before;
      });
    }
    return this.#found(file, found);
  }

  async #chooseWeights() {
    const config = await this.#readSmall(CONFIG_FILE);
    const text = "missing" in config ? "" : new TextDecoder().decode(config.bytes);
    return this.#options.chooseWeights?.(text, async (file) => {
      const url = this.#locate(file)?.url;
      const kept = url === undefined ? undefined : await (await this.#store)?.find(url);
      return kept?.complete === true && kept.missing !== true;
    });
  }
}

/** A source of files at addresses that `locate` gives; null: the model has no such file. */
export function httpModelSource(
  name: string,
  location: string,
  locate: (file: string) => SourceFile | null,
  options: HttpSourceOptions = {},
): HttpModelSource {
  return new HttpSource(name, location, locate, options);
}

/** A file of weights that is a model by itself, with the config.json beside it if there is one. */
const WEIGHTS_URL = /([^/]+)\.(safetensors|pth|pt|bin)$/;

/**
 * The model at `address`: a folder, with or without its last slash, or a .safetensors, .pth, .pt or .bin file, whose
 * folder may hold its config.json. A relative address counts from the page. `onProgress` is called with each piece of
 * the weights. A file that the server answers with 404, or with an HTML page, does not exist; `read` throws
 * `network/http` for other error statuses, `network/unreachable` where nothing answers, `network/cut` where a connection
 * is cut repeatedly, `network/too-large`, `weights/checksum` where a checksum is known, and the signal's reason.
 */
export function urlModelSource(
  address: Url | string,
  onProgress?: (progress: DownloadProgress) => void,
  options: HttpSourceOptions = {},
): HttpModelSource {
  const url = new URL(address, globalThis.location?.href);
  const settings = { onProgress, ...options };
  const [, single] = WEIGHTS_URL.exec(url.pathname) ?? [];
  if (single !== undefined) {
    const locate = (file: string) => {
      // What the address asks for, such as a signature, is of the weights only.
      if (file.endsWith(".json")) return { url: new URL(file, `${url.origin}${url.pathname}`).href };
      return file === WEIGHTS_FILE ? { url: url.href } : null;
    };
    return httpModelSource(decodeURIComponent(single), url.href, locate, settings);
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  const name = decodeURIComponent(url.pathname.split("/").at(-2) ?? "") || url.host;
  const locate = (file: string) => {
    const located = new URL(file, url);
    located.search = url.search;
    return { url: located.href };
  };
  return httpModelSource(name, url.href, locate, settings);
}
