// Bucket model: a model at s3:// or gs://, RUN/best or RUN/last of a run that is kept there, or a model folder or a file of
// weights, as files on this machine.

import { join } from "node:path";
import { displayUrl } from "../runtime/batches/data-path.js";
import { isVitrineError, VitrineError } from "../runtime/errors.js";
import { entryAt, LARGEST_WEIGHTS } from "../runtime/host/node-files.js";
import { openWritablePrefix } from "../server/data/remote/writable-prefix.js";
import { readRunManifest, type StoredFile } from "../trainer/bucket/run-manifest.js";
import { copyOfRun, keep, placeOf, type StoredFiles } from "./bucket-copy.js";
import { cacheFolder } from "./cache-folder.js";

/** Files of a model folder; and how many a folder may have, of which weights in parts are the most. */
const MODEL_FILE = /^[\w.-]+\.(json|safetensors|bin|pth|pt)$/;
const MOST_FILES = 256;
/** Part of a checkpoint and not of its model. */
const STATE_FILE = /^((optimizer|outer)\.safetensors|state\.json)$/;

/** The model in a run: of s3://bucket/run/best or s3://bucket/run/top/epoch-0003; null where no run.json has it. */
async function findInRun(url: string): Promise<StoredFiles | null> {
  const parts = url.split("/");
  // s3://bucket is three parts.
  for (let cut = parts.length - 1; cut >= Math.max(3, parts.length - 2); cut--) {
    const run = parts.slice(0, cut).join("/");
    const below = `${parts.slice(cut).join("/")}/`;
    const bucket = openWritablePrefix(run);
    const found = await readRunManifest(bucket).catch((error: unknown) => {
      // Without the permission to list, S3 refuses what is not there. Is said of the model itself where it is so there.
      if (isVitrineError(error) && error.code === "network/forbidden") return null;
      throw error;
    });
    const files = [...(found?.manifest.files ?? [])]
      .filter(([name]) => name.startsWith(below) && MODEL_FILE.test(name.slice(below.length)))
      .map(([name, stored]): [string, StoredFile] => [name.slice(below.length), stored])
      .filter(([name]) => !STATE_FILE.test(name));
    if (files.length > 0) return { bucket, files };
  }
  return null;
}

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
  const parent = cacheFolder("models", placeOf(url, {}));
  const copied = await copyOfRun(parent, () => findInRun(url));
  if (copied !== null) return copied;
  const folder = await keep(parent, null, () => plainFiles(url));
  const single = join(folder, url.slice(url.lastIndexOf("/") + 1));
  return entryAt(single) ? single : folder;
}
