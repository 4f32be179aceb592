// Fetch model: the files of a Hub model that Vitrine reads, from the cache or from the Hub, as a folder.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quote, VitrineError } from "../../../runtime/errors.js";
import {
  CONFIG_FILE,
  INDEX_FILE,
  PREPROCESSOR_FILE,
  TORCH_WEIGHTS_FILE,
  WEIGHTS_FILE,
} from "../../../runtime/host/host.js";
import { type HubReference, parseHubReference } from "../../../runtime/models/hub-reference.js";
import { RepositoryCache } from "./cache.js";
import { type DownloadEvents, downloadBlob, type RemoteFile } from "./download.js";
import { type RemoteRepository, remoteFile, remoteRepository } from "./repository.js";
import { type HubSettings, hubSettings } from "./settings.js";

export type { DownloadProgress } from "./download.js";

export interface FetchOptions extends DownloadEvents {
  /** Default: from the environment. */
  settings?: HubSettings;
}

/** A model's folder in the cache. */
export interface FetchedModel {
  reference: HubReference;
  commit: string;
  /** A snapshot of the cache: model.safetensors, or what stands in for it, and config.json. */
  folder: string;
}

/** Each is read whole into an array; a file of this size would not fit. */
const FILE_LIMIT = 2 ** 32 - 2 ** 20;
/** Files of JSON. */
const TEXT_LIMIT = 16 * 2 ** 20;
const SHARD_LIMIT = 256;
/** Left free on the disk. */
const SPARE_BYTES = 64 * 2 ** 20;

/** A shard beside its index. */
const SHARD = /^[A-Za-z0-9_][\w.-]{0,127}\.safetensors$/;

/** The files that an index names. Throws `hub/answer` for anything but shards beside it. */
async function shardsOf(path: string, { text }: HubReference): Promise<string[]> {
  const refuse = (what: string) =>
    new VitrineError("hub/answer", `${quote(text)}: ${INDEX_FILE}: ${what}`, {
      details: { file: INDEX_FILE },
    });
  let map: unknown;
  try {
    map = (JSON.parse(await readFile(path, "utf8")) as { weight_map?: unknown }).weight_map;
  } catch {
    throw refuse("not a JSON object");
  }
  const names = new Set(typeof map === "object" && map !== null ? Object.values(map) : []);
  for (const name of names)
    if (typeof name !== "string" || !SHARD.test(name))
      throw refuse(`names "${quote(String(name))}", which is no .safetensors file beside it`);
  if (names.size === 0 || names.size > SHARD_LIMIT)
    throw refuse(`names ${names.size} files; allowed: 1 to ${SHARD_LIMIT}`);
  return [...names] as string[];
}

/** The weights that are preferred among those that a repository has. Throws `hub/not-found`. */
function weightsAmong({ files }: RemoteRepository, { text }: HubReference): string {
  const weights = [WEIGHTS_FILE, INDEX_FILE, TORCH_WEIGHTS_FILE].find((file) => files.has(file));
  if (weights !== undefined && files.has(CONFIG_FILE)) return weights;
  const wanted = weights === undefined ? `${WEIGHTS_FILE} nor ${TORCH_WEIGHTS_FILE}` : CONFIG_FILE;
  const shown = [...files].slice(0, 8).map((file) => quote(file));
  const message =
    `${quote(text)}: the repository has ${weights === undefined ? "neither" : "no"} ${wanted}; its files: ` +
    `${shown.join(", ") || "none"}${files.size > shown.length ? ", …" : ""}`;
  throw new VitrineError("hub/not-found", message, { details: { reference: quote(text) } });
}

/** The folder of a snapshot with everything that is read of it; null where something is missing. */
async function cachedModel(
  cache: RepositoryCache,
  reference: HubReference,
  commit: string,
): Promise<string | null> {
  const has = (file: string) => cache.hasFile(commit, file);
  if (!(await has(CONFIG_FILE))) return null;
  const folder = cache.snapshotFolder(commit);
  if ((await has(WEIGHTS_FILE)) || (await has(TORCH_WEIGHTS_FILE))) return folder;
  if (!(await has(INDEX_FILE))) return null;
  for (const shard of await shardsOf(join(folder, INDEX_FILE), reference))
    if (!(await has(shard))) return null;
  return folder;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Throws `hub/too-large` and `hub/space` before a byte is downloaded. */
async function checkSizes(files: readonly RemoteFile[], cache: RepositoryCache): Promise<number> {
  for (const { subject, bytes } of files) {
    const limit = subject.file.endsWith(".json") ? TEXT_LIMIT : FILE_LIMIT;
    if (bytes <= limit) continue;
    const text = `${quote(subject.reference)}: ${quote(subject.file)} has ${megabytes(bytes)}; allowed: ${megabytes(limit)}`;
    throw new VitrineError("hub/too-large", text, { details: { bytes, limit } });
  }
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const free = await cache.freeBytes();
  if (total + SPARE_BYTES <= free) return total;
  const text =
    `${quote(files[0].subject.reference)}: ${megabytes(total)} to download, ${megabytes(free)} are free in ` +
    `${cache.folder}: free some, or set HF_HOME to a folder on another disk`;
  throw new VitrineError("hub/space", text, { details: { bytes: total, free } });
}

class Fetch {
  readonly #reference: HubReference;
  readonly #settings: HubSettings;
  readonly #cache: RepositoryCache;
  readonly #events: DownloadEvents;

  constructor(
    reference: HubReference,
    settings: HubSettings,
    cache: RepositoryCache,
    events: DownloadEvents,
  ) {
    this.#reference = reference;
    this.#settings = settings;
    this.#cache = cache;
    this.#events = events;
  }

  /** Downloads those of the files that the snapshot lacks. */
  async files(commit: string, names: readonly string[]): Promise<void> {
    const cache = this.#cache;
    const missing: RemoteFile[] = [];
    for (const name of names)
      if (!(await cache.hasFile(commit, name)))
        missing.push(await remoteFile(this.#reference, commit, name, this.#settings));
    const present = await Promise.all(missing.map(({ etag }) => cache.hasBlob(etag)));
    const wanted = missing.filter((_, index) => !present[index]);
    if (wanted.length > 0) {
      const total = await checkSizes(wanted, cache);
      if (total > TEXT_LIMIT / 16)
        this.#events.onNotice?.(
          `${quote(this.#reference.text)}: ${megabytes(total)} from ${this.#settings.endpoint} into ${cache.folder}`,
        );
    }
    for (const file of missing) {
      await downloadBlob(file, cache, this.#settings, this.#events);
      await cache.link(file.etag, commit, file.subject.file);
    }
  }

  /** Everything of a repository that is read here. */
  async model(repository: RemoteRepository): Promise<string> {
    const { commit, files } = repository;
    const weights = weightsAmong(repository, this.#reference);
    const texts = [CONFIG_FILE, ...(files.has(PREPROCESSOR_FILE) ? [PREPROCESSOR_FILE] : [])];
    const folder = this.#cache.snapshotFolder(commit);
    await this.files(commit, [...texts, weights]);
    if (weights === INDEX_FILE)
      await this.files(commit, await shardsOf(join(folder, INDEX_FILE), this.#reference));
    return folder;
  }
}

function notCached({ text }: HubReference, { cacheFolder }: HubSettings): VitrineError {
  const message =
    `${quote(text)}: not complete in the cache ${cacheFolder}, and HF_HUB_OFFLINE forbids to download it: unset it, or give ` +
    "the path of a model folder";
  return new VitrineError("hub/offline", message, { details: { cacheFolder } });
}

/**
 * The folder of a Hub model, after downloading what the cache lacks of it. A commit that is cached needs no network; where
 * the Hub cannot be reached, what a branch last was is used, with a notice. Throws `hub/…` and `file/unwritable`.
 */
export async function fetchHubModel(text: string, options: FetchOptions = {}): Promise<FetchedModel> {
  const { settings = hubSettings(), ...events } = options;
  const reference = parseHubReference(text);
  const cache = new RepositoryCache(settings.cacheFolder, reference);
  const known = await cache.commitOf(reference.revision);
  const cached = known === null ? null : await cachedModel(cache, reference, known);
  if (known !== null && cached !== null && (settings.offline || known === reference.revision))
    return { reference, commit: known, folder: cached };
  if (settings.offline) throw notCached(reference, settings);
  let repository: RemoteRepository;
  try {
    // Where the cache can serve, the Hub is asked once.
    const asked = cached === null ? settings : { ...settings, retryWaitsMs: [] };
    repository = await remoteRepository(reference, asked);
  } catch (error) {
    if (known === null || cached === null || (error as VitrineError).code !== "hub/unreachable") throw error;
    events.onNotice?.(
      `${quote(text)}: ${settings.endpoint} cannot be reached: using commit ${known.slice(0, 8)} from the cache`,
    );
    return { reference, commit: known, folder: cached };
  }
  const folder = await new Fetch(reference, settings, cache, events).model(repository);
  await cache.setCommit(reference.revision, repository.commit);
  return { reference, commit: repository.commit, folder };
}
