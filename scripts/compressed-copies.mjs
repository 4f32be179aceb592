// Compressed copies: Brotli and gzip beside each file of the built page that they make smaller, so that no server
// compresses anything while visitors wait.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** Only a developer's tools fetch source maps. */
const COMPRESSIBLE = /\.(css|html|js|json|svg|wasm|webmanifest)$/;
/** A smaller answer is one packet anyway. */
const MIN_BYTES = 1400;
/** A copy that saves less is not worth its place. */
const MAX_RATIO = 0.95;

const compressors = {
  ".br": (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  ".gz": (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

/**
 * Writes FILE.br and FILE.gz into `folder`, which holds none yet. `cache`: a folder of compressed contents by digest,
 * so that a file that stays is compressed once; what is not used any more is removed from it.
 */
export async function writeCompressedCopies(folder, cache) {
  mkdirSync(cache, { recursive: true });
  const used = new Set();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const bytes = entry.isFile() && COMPRESSIBLE.test(path) ? readFileSync(path) : undefined;
    if (!bytes || bytes.length < MIN_BYTES) continue;
    const digest = createHash("sha256").update(bytes).digest("hex");
    for (const [ending, compress] of Object.entries(compressors)) {
      const cached = join(cache, digest + ending);
      used.add(digest + ending);
      if (!existsSync(cached)) writeFileSync(cached, await compress(bytes));
      const copy = readFileSync(cached);
      if (copy.length < MAX_RATIO * bytes.length) writeFileSync(path + ending, copy);
    }
  }
  for (const name of readdirSync(cache)) if (!used.has(name)) rmSync(join(cache, name));
}
