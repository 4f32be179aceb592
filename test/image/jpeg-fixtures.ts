// JPEG fixtures: the drawn files of test/fixtures/jpeg, for every test of the decoder.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ManifestRow, readManifest } from "../conformance/manifest.js";

/** Tests run from dist/; fixtures stay in the source tree. */
export const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/jpeg/", import.meta.url));

export function fixture(name: string): Uint8Array {
  return readFileSync(`${FIXTURES}${name}.jpg`);
}

export function fixtureRows(): ManifestRow[] {
  return readManifest(`${FIXTURES}manifest.jsonl`);
}

/** Small deterministic generator (xorshift32) for damage and random blocks: [0, 2³²). */
export function generator(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
