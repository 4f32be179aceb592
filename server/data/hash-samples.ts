// Hashes of samples: the SHA-256 of each sample's bytes, so that the fingerprint covers contents and every read is checked.

import { createHash } from "node:crypto";
import { type Dataset, sampleLocation } from "./dataset.js";
import { fingerprintOf } from "./fingerprint.js";
import { readSample } from "./read-sample.js";
import type { RemoteSource } from "./remote/contract.js";
import { withRemoteSource } from "./remote/remote-reader.js";
import { HASH_BYTES } from "./sample-table.js";

/** Reads at once: as many as libuv has threads. */
const READS = 4;
const REMOTE_READS = 32;

/**
 * The data set with hashes, and another fingerprint, after every sample was read once. `onHashed` hears of each. Throws
 * what reading throws.
 */
export async function hashSamples(
  dataset: Dataset,
  onHashed: (done: number) => void = () => {},
): Promise<Dataset> {
  const { samples } = dataset;
  const reads = dataset.remote ? REMOTE_READS : READS;
  const hashes = new Uint8Array(new SharedArrayBuffer(HASH_BYTES * samples));
  let next = 0;
  let done = 0;
  const work = async (remote: RemoteSource | undefined): Promise<void> => {
    while (next < samples) {
      const index = next++;
      const bytes = await readSample(sampleLocation(dataset, index), { remote });
      hashes.set(createHash("sha256").update(bytes).digest(), index * HASH_BYTES);
      onHashed(++done);
    }
  };
  await withRemoteSource(dataset.remote, reads, (remote) =>
    Promise.all(Array.from({ length: reads }, () => work(remote))),
  );
  const table = { ...dataset.table, hashes };
  return { ...dataset, table, fingerprint: fingerprintOf({ ...dataset, table }) };
}
