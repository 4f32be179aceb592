// Bucket run: a run that a bucket keeps, as a folder of this machine to be looked at: as it is at that moment, without what only
// its trainer needs.

import { join } from "node:path";
import { displayUrl } from "../runtime/batches/data-path.js";
import { VitrineError } from "../runtime/errors.js";
import type { StoreSettings } from "../server/data/remote/contract.js";
import { openWritablePrefix } from "../server/data/remote/writable-prefix.js";
import { readRunManifest } from "../trainer/bucket/run-manifest.js";
import { copyOfRun, isInBucket, nameInBucket, placeOf } from "./bucket-copy.js";
import { cacheFolder } from "./cache-folder.js";

/** Moments, and the models of other epochs than the best one. */
const NOT_SHOWN = /^(top\/|last\/(optimizer|outer)\.safetensors$)/;

/** RUN itself, or a copy where it is in a bucket. Throws `checkpoint/missing`, `network/…`. */
export async function localRun(run: string, { s3Endpoint }: StoreSettings): Promise<string> {
  if (!isInBucket(run)) return run;
  const url = run.replace(/\/+$/, "");
  const settings = { s3Endpoint };
  const bucket = openWritablePrefix(url, settings);
  // The name that pages show.
  const name = nameInBucket(url);
  const copy = await copyOfRun(cacheFolder("views", placeOf(url, settings)), async () => {
    const found = await readRunManifest(bucket);
    if (found === null) return null;
    const files = [...found.manifest.files].filter(([file]) => !NOT_SHOWN.test(file));
    return { bucket, files: files.map(([file, stored]) => [`${name}/${file}`, stored] as const) };
  });
  if (copy === null)
    throw new VitrineError(
      "checkpoint/missing",
      `${displayUrl(url)}: no run: run.json is missing; give what \`vitrine train --out\` got`,
    );
  return join(copy, name);
}
