// Cache folder: where this user's copies of what is in a bucket are, one folder for each URL.

import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";

/** `url`: with the store's endpoint in it where that is not Amazon's. */
export function cacheFolder(kind: "runs" | "models" | "views", url: string): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "vitrine", kind, createHash("sha256").update(url).digest("hex").slice(0, 16));
}
