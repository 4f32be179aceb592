// Run place: where --out is, a folder, or a prefix of a bucket with a working folder on this machine. Messages name what the
// user gave, whichever it is.

import { sep } from "node:path";
import { displayUrl, isRemote } from "../../runtime/batches/data-path.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import type { StoreSettings } from "../../server/data/remote/contract.js";
import { parseRemote } from "../../server/data/remote/remote-url.js";
import { openWritablePrefix } from "../../server/data/remote/writable-prefix.js";
import { RunMirror } from "../../trainer/bucket/run-mirror.js";
import type { Progress } from "../../trainer/core/progress-report.js";
import { placeOf } from "../bucket-copy.js";
import { cacheFolder } from "../cache-folder.js";

export interface RunPlace {
  /** The folder that the trainer writes to. */
  folder: string;
  /** Absent where that is the place itself. */
  mirror?: RunMirror;
  /** The text with the place's name where it has the folder's. */
  name(text: string): string;
  /** What is said, by that name. */
  shown<P extends Progress>(progress: P): P;
  /** The same error, by that name. */
  explain(error: unknown): unknown;
  /** Writes what is left, and releases the run. */
  close(): Promise<void>;
}

function folderPlace(folder: string): RunPlace {
  return {
    folder,
    name: (text) => text,
    shown: (progress) => progress,
    explain: (error) => error,
    close: async () => {},
  };
}

function bucketPlace(out: string, settings: StoreSettings): RunPlace {
  const { s3Endpoint } = settings;
  const bucket = openWritablePrefix(out, { s3Endpoint });
  const { url } = bucket;
  const folder = cacheFolder("runs", placeOf(url, settings));
  const mirror = new RunMirror({ bucket, folder });
  const name = (text: string): string => text.replaceAll(folder + sep, `${url}/`).replaceAll(folder, url);
  return {
    folder,
    mirror,
    name,
    shown: (progress) => ({ ...progress, say: (line) => progress.say(name(line)) }),
    explain: (error) => {
      // A full disk is this machine's.
      if (!isVitrineError(error) || error.code === "file/unwritable") return error;
      return new VitrineError(error.code, name(error.message), { details: error.details, cause: error });
    },
    close: () => mirror.close(),
  };
}

/** Throws `usage/out`, `usage/data-url`. */
export function runPlace(out: string, settings: StoreSettings): RunPlace {
  if (!isRemote(out)) return folderPlace(out);
  if ("bucket" in parseRemote(out)) return bucketPlace(out, settings);
  throw new VitrineError(
    "usage/out",
    `--out ${displayUrl(out)}: a web server stores no runs; allowed: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX`,
  );
}
