// Hashes of samples: the SHA-256 of each sample's bytes, so that the fingerprint covers contents and every read is checked.

import { createHash } from "node:crypto";
import { isFileFault } from "../../runtime/batches/reading-policy.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { type Dataset, sampleLocation } from "./dataset.js";
import { fingerprintOf } from "./fingerprint.js";
import { ListingFaults } from "./listing-faults.js";
import { eachParallel } from "./parallel.js";
import { readSample } from "./read-sample.js";
import { withRemoteSource } from "./remote/remote-reader.js";
import { HASH_BYTES, rowsOf, TableBuilder } from "./sample-table.js";

/** Reads at once: as many as libuv has threads. */
const READS = 4;
const REMOTE_READS = 32;

export interface HashOptions {
  /** Leaves out what cannot be read, instead of throwing. */
  mayLeaveOut?: boolean;
  /** Called with the number of samples that were read. */
  onHashed?(done: number): void;
}

/**
 * The data set with hashes, and another fingerprint, after every sample was read once. Throws what reading throws, and
 * `data/no-images` where nothing can be read.
 */
export async function hashSamples(
  dataset: Dataset,
  { mayLeaveOut = false, onHashed = () => {} }: HashOptions = {},
): Promise<Dataset> {
  const { samples } = dataset;
  const reads = dataset.remote ? REMOTE_READS : READS;
  const hashes = new Uint8Array(new SharedArrayBuffer(HASH_BYTES * samples));
  const bad = new Map<number, string>();
  let done = 0;
  await withRemoteSource(dataset.remote, reads, (remote) =>
    eachParallel(samples, reads, async (index) => {
      try {
        const bytes = await readSample(sampleLocation(dataset, index), { remote });
        hashes.set(createHash("sha256").update(bytes).digest(), index * HASH_BYTES);
      } catch (error) {
        if (!mayLeaveOut || !isFileFault(error)) throw error;
        bad.set(index, error.message);
      }
      onHashed(++done);
    }),
  );
  const hashed =
    bad.size > 0 ? without(dataset, hashes, bad) : { ...dataset, table: { ...dataset.table, hashes } };
  return { ...hashed, fingerprint: fingerprintOf(hashed) };
}

/** The data set without its samples at the indices of `bad`, which has what is wrong with each. */
function without(dataset: Dataset, hashes: Uint8Array, bad: ReadonlyMap<number, string>): Dataset {
  const { table, path } = dataset;
  const builder = new TableBuilder();
  builder.shards.push(...table.shards);
  const samples = dataset.samples - bad.size;
  const labels = new Int32Array(new SharedArrayBuffer(4 * samples));
  const kept = new Uint8Array(HASH_BYTES * samples);
  const faults = new ListingFaults("read");
  let index = 0;
  for (const { name, size, modifiedMs, shard, offset } of rowsOf(table)) {
    const fault = bad.get(index);
    if (fault === undefined) {
      labels[builder.count] = dataset.labels[index];
      kept.set(hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES), builder.count * HASH_BYTES);
      builder.add(name.slice(), size, modifiedMs, shard, offset);
    } else faults.add(fault);
    index++;
  }
  const leftOut = faults.settle("", "file/unreadable", path, true);
  if (samples === 0) throw new VitrineError("data/no-images", `${quote(path)}: ${leftOut}`);
  const before = dataset.leftOut === "" ? "" : `${dataset.leftOut}; `;
  return {
    ...dataset,
    samples,
    table: { ...builder.finish(kept), layout: table.layout },
    labels,
    leftOut: before + leftOut,
  };
}
