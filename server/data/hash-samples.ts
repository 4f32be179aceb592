// Hashes of samples: the SHA-256 of each sample's bytes, so that the fingerprint covers contents and every read is checked.

import { createHash } from "node:crypto";
import { type Dataset, sampleLocation } from "./dataset.js";
import { fingerprintOf } from "./fingerprint.js";
import { readSample } from "./read-sample.js";
import { HASH_BYTES } from "./sample-table.js";

/** Reads at once: as many as libuv has threads. */
const READS = 4;

/**
 * The data set with hashes, and another fingerprint, after every sample was read once. `onHashed` hears of each. Throws
 * what reading throws.
 */
export async function hashSamples(
  dataset: Dataset,
  onHashed: (done: number) => void = () => {},
): Promise<Dataset> {
  const { samples } = dataset;
  const hashes = new Uint8Array(new SharedArrayBuffer(HASH_BYTES * samples));
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < samples) {
      const index = next++;
      const bytes = await readSample(sampleLocation(dataset, index));
      hashes.set(createHash("sha256").update(bytes).digest(), index * HASH_BYTES);
      onHashed(++done);
    }
  };
  await Promise.all(Array.from({ length: READS }, work));
  const table = { ...dataset.table, hashes };
  return { ...dataset, table, fingerprint: fingerprintOf({ ...dataset, table }) };
}
