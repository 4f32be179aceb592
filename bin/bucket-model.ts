// Bucket model: a model at s3:// or gs://, RUN/best or RUN/last of a run that is kept there, or a model folder or a file of
// weights, as files on this machine.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { displayUrl } from "../runtime/batches/data-path.js";
import { isVitrineError, VitrineError } from "../runtime/errors.js";
import { entryAt, LARGEST_WEIGHTS } from "../runtime/host/node-files.js";
import { openWritablePrefix } from "../server/data/remote/writable-prefix.js";
import { readRunManifest, readStored, type StoredFile } from "../trainer/bucket/run-manifest.js";
import { sha256Of, writeRunFile } from "../trainer/bucket/working-folder.js";
import { cacheFolder } from "./cache-folder.js";

/** Whether a model is in a bucket. */
export const isBucketModel = (text: string): boolean => /^(s3|gs):\/\//i.test(text);

/** Last part of the URL: `best` of s3://bucket/run/best. */
export const bucketModelName = (url: string): string =>
  (url.replace(/\/+$/, "").split("/").at(-1) as string).replace(/\.(safetensors|pth|pt|bin)$/, "");

/** Files of a model folder; and how many a folder may have, of which weights in parts are the most. */
const MODEL_FILE = /^[\w.-]+\.(json|safetensors|bin|pth|pt)$/;
const MOST_FILES = 256;
/** Part of a checkpoint and not of its model. */
const STATE_FILE = /^(optimizer\.safetensors|state\.json)$/;

/** Copies that nothing has read since are removed. */
const OLD_MS = 3_600_000;
/** While a trainer writes, the objects of the run.json that was just read may be gone. */
const TRIES = 3;

interface RunModel {
  /** URL of RUN. */
  run: string;
  files: [name: string, stored: StoredFile][];
}

/** The model in a run: of s3://bucket/run/best or s3://bucket/run/top/epoch-0003; null where no run.json has it. */
async function findInRun(url: string): Promise<RunModel | null> {
  const parts = url.split("/");
  // s3://bucket is three parts.
  for (let cut = parts.length - 1; cut >= Math.max(3, parts.length - 2); cut--) {
    const run = parts.slice(0, cut).join("/");
    const below = `${parts.slice(cut).join("/")}/`;
    const found = await readRunManifest(openWritablePrefix(run)).catch((error: unknown) => {
      // Without the permission to list, S3 refuses what is not there. Is said of the model itself where it is so there.
      if (isVitrineError(error) && error.code === "network/forbidden") return null;
      throw error;
    });
    const files = [...(found?.manifest.files ?? [])]
      .filter(([name]) => name.startsWith(below) && MODEL_FILE.test(name.slice(below.length)))
      .map(([name, stored]): [string, StoredFile] => [name.slice(below.length), stored])
      .filter(([name]) => !STATE_FILE.test(name));
    if (files.length > 0) return { run, files };
  }
  return null;
}

async function removeOld(parent: string, kept: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name === kept) continue;
    const { mtimeMs } = await stat(join(parent, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > OLD_MS) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** A folder with the files that `fetch` yields, which appears under its name with all of them or not at all. */
async function keep(
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

const versionOf = (files: RunModel["files"]): string =>
  sha256Of(Buffer.from(JSON.stringify(files.map(([name, { sha256 }]) => [name, sha256])))).slice(0, 16);

/** Model folder, or the single file, at a URL that is in no run. */
async function* plainFiles(url: string): AsyncGenerator<[string, Uint8Array]> {
  const cut = url.lastIndexOf("/");
  const folder = openWritablePrefix(url);
  const names: string[] = [];
  for await (const name of folder.list("")) {
    if (MODEL_FILE.test(name) && !STATE_FILE.test(name)) names.push(name);
    if (names.length > MOST_FILES) break;
  }
  const single = url.slice(cut + 1);
  if (names.length === 0 && MODEL_FILE.test(single)) {
    const found = await openWritablePrefix(url.slice(0, cut)).read(single, LARGEST_WEIGHTS);
    if (found) return yield [single, found.bytes];
  }
  if (names.length === 0 || names.length > MOST_FILES)
    throw new VitrineError(
      "file/not-found",
      `${displayUrl(url)}: ${names.length === 0 ? "no model" : `more than ${MOST_FILES} files`}; allowed: RUN/best or ` +
        "RUN/last of a run in a bucket, a folder with model.safetensors, or a file of weights",
      { details: { path: displayUrl(url) } },
    );
  for (const name of names) {
    const found = await folder.read(name, LARGEST_WEIGHTS);
    if (found) yield [name, found.bytes];
  }
}

/**
 * The path of the model on this machine: a folder, or the single file that the URL names. Throws `file/not-found`,
 * `network/…`, `checkpoint/…`.
 */
export async function bucketModelPath(text: string): Promise<string> {
  const url = text.replace(/\/+$/, "");
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  const parent = cacheFolder("models", `${AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL ?? ""}\n${url}`);
  for (let tries = 1; ; tries++) {
    const model = await findInRun(url);
    if (model === null) break;
    const bucket = openWritablePrefix(model.run);
    try {
      return await keep(parent, versionOf(model.files), async function* () {
        for (const [name, stored] of model.files) yield [name, await readStored(bucket, stored)];
      });
    } catch (error) {
      if (tries === TRIES || !isVitrineError(error) || error.code !== "checkpoint/incomplete") throw error;
    }
  }
  const folder = await keep(parent, null, () => plainFiles(url));
  const single = join(folder, url.slice(url.lastIndexOf("/") + 1));
  return entryAt(single) ? single : folder;
}
