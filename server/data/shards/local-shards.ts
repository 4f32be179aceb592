// Local shards: tar archives in a folder, as a brace pattern such as shards-{000..099}.tar, or a single one.

import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { byCodePoint } from "../../../runtime/batches/code-point-order.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { entryAt, LARGEST_TEXT, missingFile, readFileIfAnySync } from "../../../runtime/host/node-files.js";
import { openFileSync } from "../../../runtime/host/node-open-file.js";
import type { Listing } from "../dataset.js";
import { readShards, type ShardOptions, type ShardToRead } from "./read-shards.js";
import type { TarSource } from "./tar-entries.js";

/** Names of classes, one a line, beside shards whose labels are indices. */
export const CLASS_NAMES_FILE = "classes.txt";

/** Written beside shards, an index is taken in place of reading them. */
export const SHARD_INDEX = "vitrine.index";

const SHARD = /\.tar$/i;
/** An archive that is compressed as a whole has no ranges. */
const PACKED = /\.(tar\.(gz|zst|bz2|xz)|tgz)$/i;
/** A pattern that expands to more is a mistake. */
const MOST_SHARDS = 1_000_000;
const BRACES = /\{(\d+)\.\.(\d+)\}/;

/** `a-{00..02}.tar` → `a-00.tar`, `a-01.tar`, `a-02.tar`; undefined for any other path. Throws `usage/bad-option`. */
export function expandBraces(path: string, most = MOST_SHARDS): string[] | undefined {
  const [braces, first, last] = BRACES.exec(path) ?? [];
  if (braces === undefined || !SHARD.test(path)) return undefined;
  const count = Number(last) - Number(first) + 1;
  if (!(count >= 1 && count <= most))
    throw new VitrineError(
      "usage/bad-option",
      `${quote(path)}: ${braces} is ${count} names; allowed: 1 to ${most.toLocaleString("en-US")}`,
    );
  const names = Array.from({ length: count }, (_, i) =>
    path.replace(braces, String(Number(first) + i).padStart(first.length, "0")),
  );
  return BRACES.test(names[0])
    ? names.flatMap((name) => expandBraces(name, Math.floor(most / count)) ?? [])
    : names;
}

const isShard = (path: string): boolean => SHARD.test(path);

/** Names of the shards among those of a folder, in order. Throws `data/bad-shard` for compressed ones. */
export function shardNames(folder: string, names: readonly string[]): string[] {
  const packed = names.find((name) => PACKED.test(name));
  const shards = names.filter((name) => SHARD.test(name) && !name.startsWith("."));
  if (shards.length === 0 && packed !== undefined)
    throw new VitrineError(
      "data/bad-shard",
      `${quote(join(folder, packed))}: a compressed archive, of which no ranges can be read: unpack it to a .tar`,
      { details: { path: folder } },
    );
  return shards.sort(byCodePoint);
}

/** Bytes that are read at a time: a header, a short label behind it, and the next header. */
const WINDOW = 4096;

function openShard(path: string): TarSource {
  const file = openFileSync(path);
  const buffer = new Uint8Array(WINDOW);
  let start = 0;
  let end = 0;
  const ended = (position: number): VitrineError =>
    new VitrineError("data/file-changed", `${quote(path)}: it ends before byte ${position} while it is read`);
  return {
    bytes: file.bytes,
    read(offset, length) {
      if (length > WINDOW) {
        const bytes = new Uint8Array(length);
        if (file.readAt(bytes, offset) < length) throw ended(offset + length);
        return bytes;
      }
      if (offset < start || offset + length > end) {
        start = offset;
        end = offset + file.readAt(buffer, offset);
        if (offset + length > end) throw ended(offset + length);
      }
      return buffer.subarray(offset - start, offset - start + length);
    },
    close: () => file.close(),
  };
}

/** Lines of the file of class names. */
export function readClassNames(text: string): string[] {
  const lines = text.split(/\r\n?|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Throws what `readShards` throws, `file/not-found`, `file/unreadable`. */
export function readLocalShards(
  root: string,
  names: readonly string[],
  options: ShardOptions,
): Promise<Listing> {
  const shards = names.map((name): ShardToRead => {
    const path = join(root, name);
    const entry = entryAt(path);
    if (!entry) throw missingFile(path, "");
    return {
      shard: { name, bytes: entry.size, modifiedMs: entry.mtimeMs },
      open: () => openShard(path),
    };
  });
  const bytes = readFileIfAnySync(join(root, CLASS_NAMES_FILE), LARGEST_TEXT);
  const classNames = bytes === null ? [] : readClassNames(new TextDecoder().decode(bytes));
  return readShards(root, shards, { ...options, classNames });
}

/** Names of the files of a folder, and whether it has folders; names that start with a dot do not count. */
export function namesIn(folder: string): { files: string[]; hasFolders: boolean } {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  const isFolder = (name: string): boolean => entryAt(join(folder, name))?.isDirectory() ?? false;
  const hasFolders = entries.some(
    (entry) =>
      entry.isDirectory() || (entry.isSymbolicLink() && !SHARD.test(entry.name) && isFolder(entry.name)),
  );
  return { files: entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name), hasFolders };
}

/** Root and names of shards that a path names by itself: an archive, or a pattern of them; undefined for others. */
export function namedShards(path: string): { root: string; names: string[] } | undefined {
  const paths = expandBraces(path) ?? (isShard(path) ? [path] : undefined);
  if (paths === undefined) return undefined;
  const root = dirname(path);
  if (root.includes("{"))
    throw new VitrineError("usage/bad-option", `${quote(path)}: a pattern may be in the file's name only`);
  return { root, names: paths.map((one) => basename(one)) };
}
