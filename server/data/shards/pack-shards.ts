// Packing: the pictures of a data set as tar shards, in its order, with class indices, an index and checksums; a folder
// that is complete or not there.

import { createHash, type Hash, randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { isRemote } from "../../../runtime/batches/data-path.js";
import { isFileFault } from "../../../runtime/batches/reading-policy.js";
import { isVitrineError, quote, VitrineError } from "../../../runtime/errors.js";
import { syncFolder } from "../../../runtime/host/node-sync-folder.js";
import { type Dataset, sampleLocation } from "../dataset.js";
import { fingerprintOf } from "../fingerprint.js";
import { indexParts } from "../index-file.js";
import { ListingFaults } from "../listing-faults.js";
import { readSample } from "../read-sample.js";
import type { RemoteSource } from "../remote/contract.js";
import { withRemoteSource } from "../remote/remote-reader.js";
import { HASH_BYTES, rowAt, type Shard, TableBuilder } from "../sample-table.js";
import { EntryNamer } from "./entry-names.js";
import { CLASS_NAMES_FILE, SHARD_INDEX } from "./local-shards.js";
import { paddingAfter, TAR_END, tarHeader } from "./tar-writer.js";

/** Checksums of the files, as `sha256sum --check` reads them. */
const CHECKSUMS = "SHA256SUMS";

/** Pictures that are read ahead. */
const READ_AHEAD = 8;

export interface PackOptions {
  /** A new shard begins before it would exceed this. */
  shardBytes: number;
  /** Keep the SHA-256 of every picture in the index. */
  hash: boolean;
  /** Leave out what cannot be read. */
  mayLeaveOut: boolean;
  /** Sample at each place of the pack, a permutation. Default: the data set's own order. */
  indexAt?: ((place: number) => number) | undefined;
  /** Called with the number of pictures that are packed. */
  onPacked(samples: number): void;
}

/** A file that is written once, from its start, with its SHA-256. */
class HashedFile {
  bytes = 0;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");

  constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<HashedFile> {
    return new HashedFile(await open(path, "wx"));
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      this.#hash.update(part);
      this.bytes += part.length;
    }
    // One call for the few parts of an entry; `writev` may write less than it was given.
    const all = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    for (let done = 0; done < all.length; )
      done += (await this.#file.write(all, done, all.length - done)).bytesWritten;
  }

  /** Hex digest, when the bytes are on disk. */
  async finish(): Promise<string> {
    await this.#file.sync();
    await this.#file.close();
    return this.#hash.digest("hex");
  }

  abandon(): Promise<void> {
    return this.#file.close().catch(() => {});
  }
}

export interface SourcePicture {
  /** Name in the data set: bytes, mostly UTF-8. */
  name: Uint8Array;
  bytes: Uint8Array;
  /** Class index. */
  label: number;
}

/** Pictures to be packed. */
export interface PackSource {
  /** As the user gave it. */
  path: string;
  /** As many pictures at most. */
  samples: number;
  /** Class names in index order; empty strings where there are indices only. */
  classes: string[];
  /** In order; those that cannot be read, and may be left out, go to `faults`. */
  pictures(faults: ListingFaults): AsyncIterable<SourcePicture>;
}

/** Pictures in order, the next ones read meanwhile; those that cannot be read go to `faults`. */
async function* pictures(
  dataset: Dataset,
  faults: ListingFaults,
  { mayLeaveOut, indexAt = (place) => place }: PackOptions,
  remote: RemoteSource | undefined,
): AsyncGenerator<SourcePicture> {
  const begun: { label: number; name: Uint8Array; read: Promise<Uint8Array> }[] = [];
  for (let next = 0; ; ) {
    while (begun.length < READ_AHEAD && next < dataset.samples) {
      const index = indexAt(next++);
      const read = readSample(sampleLocation(dataset, index), { remote });
      read.catch(() => {});
      begun.push({ label: dataset.labels[index], name: rowAt(dataset.table, index).name.slice(), read });
    }
    const first = begun.shift();
    if (first === undefined) return;
    try {
      yield { ...first, bytes: await first.read };
    } catch (error) {
      if (!mayLeaveOut || !isFileFault(error)) throw error;
      faults.add(error.message);
    }
  }
}

/** Writes shards one after another into a folder. */
class ShardWriter {
  readonly table = new TableBuilder();
  /** Digest and name of each complete file. */
  readonly sums: [digest: string, name: string][] = [];
  readonly #folder: string;
  readonly #shardBytes: number;
  readonly #namer = new EntryNamer();
  #file: HashedFile | undefined;

  constructor(folder: string, shardBytes: number) {
    this.#folder = folder;
    this.#shardBytes = shardBytes;
  }

  async add({ name, bytes, label }: SourcePicture): Promise<void> {
    const entries = this.#namer.next(name, bytes);
    const cls = Buffer.from(`${label}`);
    const head = tarHeader(entries.picture, bytes.length);
    const tail = [
      paddingAfter(bytes.length),
      tarHeader(entries.label, cls.length),
      cls,
      paddingAfter(cls.length),
    ];
    const size = [head, bytes, ...tail, TAR_END].reduce((sum, part) => sum + part.length, 0);
    if (this.#file && this.#file.bytes + size > this.#shardBytes) await this.endShard();
    this.#file ??= await this.#begin();
    const offset = this.#file.bytes + head.length;
    this.table.add(name, bytes.length, Number.NaN, this.table.shards.length - 1, offset);
    await this.#file.write([head, bytes, ...tail]);
  }

  async #begin(): Promise<HashedFile> {
    const name = `shard-${String(this.table.shards.length).padStart(5, "0")}.tar`;
    this.table.shards.push({ name, bytes: 0 });
    return HashedFile.create(join(this.#folder, name));
  }

  async endShard(): Promise<void> {
    if (!this.#file) return;
    await this.#file.write([TAR_END]);
    const shard = this.table.shards.at(-1) as Shard;
    shard.bytes = this.#file.bytes;
    this.sums.push([await this.#file.finish(), shard.name]);
    this.#file = undefined;
  }

  /** Writes another file of the folder. */
  async addFile(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const file = await HashedFile.create(join(this.#folder, name));
    this.#file = file;
    await file.write(parts);
    this.sums.push([await file.finish(), name]);
    this.#file = undefined;
  }

  async abandon(): Promise<void> {
    await this.#file?.abandon();
  }
}

async function pack(
  source: PackSource,
  folder: string,
  path: string,
  options: PackOptions,
): Promise<Dataset> {
  const { shardBytes, hash, mayLeaveOut, onPacked } = options;
  const { classes } = source;
  const writer = new ShardWriter(folder, shardBytes);
  const faults = new ListingFaults("read");
  const labels = new Int32Array(source.samples);
  const hashes = new Uint8Array(hash ? HASH_BYTES * source.samples : 0);
  try {
    for await (const picture of source.pictures(faults)) {
      const { count } = writer.table;
      labels[count] = picture.label;
      if (hash) hashes.set(createHash("sha256").update(picture.bytes).digest(), count * HASH_BYTES);
      await writer.add(picture);
      onPacked(count + 1);
    }
    await writer.endShard();
    const samples = writer.table.count;
    const leftOut = faults.settle("", "file/unreadable", source.path, mayLeaveOut);
    if (samples === 0)
      throw new VitrineError("data/no-images", `${quote(source.path)}: no picture could be read; ${leftOut}`);
    const table = writer.table.finish(hashes.subarray(0, hash ? HASH_BYTES * samples : 0));
    const listing = { table, labels: labels.subarray(0, samples), classes };
    const packed: Dataset = {
      ...listing,
      samples,
      path,
      root: path,
      fingerprint: fingerprintOf(listing),
      otherFiles: 0,
      otherKinds: "",
      leftOut,
    };
    if (classes.some((name) => name !== ""))
      await writer.addFile(CLASS_NAMES_FILE, [Buffer.from(classes.map((name) => `${name}\n`).join(""))]);
    await writer.addFile(SHARD_INDEX, indexParts(packed, join(path, SHARD_INDEX)));
    const sums = writer.sums.map(([digest, name]) => `${digest}  ${name}\n`);
    await writer.addFile(CHECKSUMS, [Buffer.from(sums.join(""))]);
    return packed;
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

function unwritable(out: string, cause: unknown): VitrineError {
  if (isVitrineError(cause)) return cause;
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const text = `--out ${quote(out)} cannot be written (${reason}); check the path, its permissions and the free space`;
  return new VitrineError("file/unwritable", text, { cause, details: { path: out } });
}

/** Said at once, rather than after hours: the folder is removed only when the pack is complete, since it may be the current one. */
async function requireReplaceable(target: string, out: string): Promise<void> {
  const entry = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (!entry) return;
  if (!entry.isSymbolicLink() && entry.dev === (await stat(dirname(target))).dev) return;
  const text = `--out ${quote(out)} is a link or the root of a drive, which cannot be replaced: give a new folder in it`;
  throw new VitrineError("file/unwritable", text, { details: { path: out } });
}

/** A pack in a folder of class folders would be one of its classes from then on. */
function requireOutside({ path, root, table }: Dataset, out: string): void {
  // A list stays what it is.
  if (isRemote(root) || path !== root || table.shards.length > 0) return;
  const [folder, target] = [realOf(resolve(root)), realOf(resolve(out))];
  if (target !== folder && !target.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return;
  const text = `--out ${quote(out)} is in the data set's folder ${quote(root)}, whose classes are its folders: give one elsewhere`;
  throw new VitrineError("usage/bad-option", text, { details: { path: out } });
}

/** A path without links, as far as it exists. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(realOf(dirname(path)), basename(path));
  }
}

/** `classes.txt` has a name a line. */
function requireLines({ classes, path }: PackSource): void {
  const broken = classes.find((name) => /[\r\n]/.test(name));
  if (broken === undefined) return;
  const text = `${quote(path)}: the class name "${quote(broken)}" has a line break, which ${CLASS_NAMES_FILE} cannot have: rename it`;
  throw new VitrineError("usage/bad-option", text, { details: { path } });
}

/**
 * Writes pictures to the folder `out`, which must be free or empty, and returns them as the data set that is there. A pack
 * of the same pictures has the same bytes. Throws what reading throws, `file/unwritable`, and `usage/bad-option` where a
 * class name has a line break.
 */
export async function packPictures(source: PackSource, out: string, options: PackOptions): Promise<Dataset> {
  const target = resolve(out);
  requireLines(source);
  const partial = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await requireReplaceable(target, out);
    await mkdir(partial, { recursive: true });
    const packed = await pack(source, partial, target, options);
    await syncFolder(partial);
    // Windows renames onto no folder, not even an empty one.
    await rmdir(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await rename(partial, target);
    await syncFolder(dirname(target));
    return { ...packed, path: out, root: out };
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw unwritable(out, cause);
  }
}

/** Writes a data set, as `packPictures`. Throws `usage/bad-option` also where the pack would be a class of the data set. */
export async function packShards(dataset: Dataset, out: string, options: PackOptions): Promise<Dataset> {
  requireOutside(dataset, out);
  const { path, samples, classes } = dataset;
  return withRemoteSource(dataset.remote, READ_AHEAD, (remote) => {
    const source = { path, samples, classes };
    return packPictures(
      { ...source, pictures: (faults) => pictures(dataset, faults, options, remote) },
      out,
      options,
    );
  });
}
