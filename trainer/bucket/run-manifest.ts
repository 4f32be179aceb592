// Run manifest: run.json, the one object that says which others are the run. What it does not name does not count, so that
// replacing it is the moment of a commit:
//
//   run.json                                 file of RUN → object, bytes, SHA-256
//   objects/SESSION-0007/last/state.json     written once, under a name that no other commit has, and never changed
//   lock                                     who writes the run

import { quote, VitrineError } from "../../runtime/errors.js";
import { LARGEST_TEXT, LARGEST_WEIGHTS } from "../../runtime/host/node-files.js";
import type { RunBucket } from "./run-bucket.js";
import { sha256Of } from "./working-folder.js";

export const MANIFEST = "run.json";
export const OBJECTS = "objects/";

const FORMAT = 1;
/** A run has some thirty files, and some for each of its starts. */
const MOST_FILES = 100_000;

export interface StoredFile {
  /** Name of its object, relative to RUN. */
  object: string;
  bytes: number;
  /** Hex. */
  sha256: string;
}

export interface RunManifest {
  /** Of the process that wrote it, and which of its commits this is: no two manifests of a run have the same. */
  session: string;
  commit: number;
  /** File of RUN, with slashes → where it is. */
  files: ReadonlyMap<string, StoredFile>;
}

/** One segment of a name: not `..`, nor anything that a file system reads otherwise. */
const SEGMENT = /^(?!\.{1,2}$)[\w.-]{1,255}$/;
const isName = (name: unknown): name is string =>
  typeof name === "string" && name.length <= 512 && name.split("/").every((part) => SEGMENT.test(part));

function isStored(value: Partial<StoredFile> | null): value is StoredFile {
  if (typeof value !== "object" || value === null) return false;
  const { object, bytes, sha256 } = value;
  const isSize =
    Number.isSafeInteger(bytes) && (bytes as number) >= 0 && (bytes as number) <= LARGEST_WEIGHTS;
  return isName(object) && object.startsWith(OBJECTS) && isSize && /^[0-9a-f]{64}$/.test(sha256 ?? "");
}

/** Throws `checkpoint/state` for anything that this version did not write. `url`: of RUN, for messages. */
function parseManifest(bytes: Uint8Array, url: string): RunManifest {
  const refuse = (what: string) =>
    new VitrineError("checkpoint/state", `${quote(`${url}/${MANIFEST}`)}: ${what}; give another --out`);
  let value: { format?: unknown; session?: unknown; commit?: unknown; files?: unknown } | null;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw refuse("it is not JSON");
  }
  if (value?.format !== FORMAT) throw refuse(`its format is not ${FORMAT}, the one that this version reads`);
  const { session, commit, files } = value;
  const entries = typeof files === "object" && files !== null ? Object.entries(files) : null;
  if (entries === null || !isName(session) || !Number.isSafeInteger(commit))
    throw refuse("a field is missing");
  if (entries.length > MOST_FILES) throw refuse(`${entries.length} files; allowed: ${MOST_FILES}`);
  for (const [name, file] of entries)
    if (!isName(name) || !isStored(file)) throw refuse(`${quote(name)} is no file of a run`);
  return { session, commit: commit as number, files: new Map(entries as [string, StoredFile][]) };
}

export function writeManifest({ session, commit, files }: RunManifest): Uint8Array {
  const sorted = Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return new TextEncoder().encode(
    `${JSON.stringify({ format: FORMAT, session, commit, files: sorted }, null, 2)}\n`,
  );
}

export interface FoundManifest {
  manifest: RunManifest;
  etag: string | undefined;
}

/** Null where there is no run. Throws `checkpoint/state`, `network/…`. */
export async function readRunManifest(
  bucket: Pick<RunBucket, "url" | "read">,
): Promise<FoundManifest | null> {
  const found = await bucket.read(MANIFEST, LARGEST_TEXT);
  return found && { manifest: parseManifest(found.bytes, bucket.url), etag: found.etag };
}

/** The bytes of an object, checked. Throws `checkpoint/incomplete`, `checkpoint/state`. */
export async function readStored(
  bucket: Pick<RunBucket, "url" | "read">,
  { object, bytes, sha256 }: StoredFile,
): Promise<Uint8Array> {
  const place = quote(`${bucket.url}/${object}`);
  const found = await bucket.read(object, LARGEST_WEIGHTS);
  if (found === null)
    throw new VitrineError(
      "checkpoint/incomplete",
      `${place}: no such object; ${MANIFEST} names it: restore it, or give another --out`,
    );
  if (found.bytes.length !== bytes || sha256Of(found.bytes) !== sha256)
    throw new VitrineError(
      "checkpoint/state",
      `${place}: its bytes are not those that were written: restore it, or give another --out`,
    );
  return found.bytes;
}
