// Bucket copy: files of a bucket in a folder of this machine, whole or not at all, and the same copy for all who ask for the same
// files.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isVitrineError } from "../runtime/errors.js";
import { entryAt } from "../runtime/host/node-files.js";
import type { StoreSettings } from "../server/data/remote/contract.js";
import type { RunBucket } from "../trainer/bucket/run-bucket.js";
import { readStored, type StoredFile } from "../trainer/bucket/run-manifest.js";
import { sha256Of, writeRunFile } from "../trainer/bucket/working-folder.js";

/** Copies that nothing has read since are removed. */
const OLD_MS = 3_600_000;
/** While a trainer writes, the objects of the run.json that was just read may be gone. */
const TRIES = 3;

/** Files of a run in a bucket, by the names that they get here. */
export interface StoredFiles {
  bucket: RunBucket;
  files: readonly (readonly [name: string, stored: StoredFile])[];
}

/** Whether a model or a run is named by a URL of a bucket. */
export const isInBucket = (text: string): boolean => /^(s3|gs):\/\//i.test(text);

/** Last part of the URL: `best` of s3://bucket/run/best. */
export const nameInBucket = (url: string): string =>
  (url.replace(/\/+$/, "").split("/").at(-1) as string).replace(/\.(safetensors|pth|pt|bin)$/, "");

/** What tells copies of this URL from those of others. */
export function placeOf(url: string, { s3Endpoint }: StoreSettings): string {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  return `${s3Endpoint ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL ?? ""}\n${url}`;
}

async function removeOld(parent: string, kept: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name === kept) continue;
    const { mtimeMs } = await stat(join(parent, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > OLD_MS) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** A folder with the files that `fetch` yields, which appears under its name with all of them or not at all. */
export async function keep(
  parent: string,
  version: string | null,
  fetch: () => AsyncGenerator<[name: string, bytes: Uint8Array]>,
): Promise<string> {
  if (version !== null && entryAt(join(parent, version))) return join(parent, version);
  await mkdir(parent, { recursive: true });
  const part = await mkdtemp(join(parent, "part-"));
  try {
    const hash = createHash("sha256");
    for await (const [name, bytes] of fetch()) {
      await writeRunFile(part, name, bytes);
      hash.update(`${name} ${sha256Of(bytes)}\n`);
    }
    const id = version ?? hash.digest("hex").slice(0, 16);
    // Another process may have been faster.
    if (!entryAt(join(parent, id))) await rename(part, join(parent, id));
    await removeOld(parent, id);
    return join(parent, id);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

const versionOf = (files: StoredFiles["files"]): string =>
  sha256Of(Buffer.from(JSON.stringify(files.map(([name, { sha256 }]) => [name, sha256])))).slice(0, 16);

/** A copy of the files that `find` finds at that moment, below `parent`; null where it finds none. Throws `checkpoint/…`. */
export async function copyOfRun(
  parent: string,
  find: () => Promise<StoredFiles | null>,
): Promise<string | null> {
  for (let tries = 1; ; tries++) {
    const found = await find();
    if (found === null) return null;
    try {
      return await keep(parent, versionOf(found.files), async function* () {
        for (const [name, stored] of found.files) yield [name, await readStored(found.bucket, stored)];
      });
    } catch (error) {
      if (tries === TRIES || !isVitrineError(error) || error.code !== "checkpoint/incomplete") throw error;
    }
  }
}
