// JPEG fixtures: the synthetic files of test/fixtures/jpeg, for every test of the decoder.

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

export { generator } from "../fuzz/mutate.js";
