// Statistics of a data set: images per class, and bytes, sides and formats of the pictures, from their headers.

import { isFileFault } from "../../runtime/batches/reading-policy.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { readPictureHeader } from "../../runtime/image/picture.js";
import { type Dataset, sampleLocation } from "./dataset.js";
import { eachParallel } from "./parallel.js";
import { readSample } from "./read-sample.js";
import type { RemoteSource } from "./remote/contract.js";
import { withRemoteSource } from "./remote/remote-reader.js";
import { rowsOf } from "./sample-table.js";

/** Least, median, mean and largest of some numbers. */
export interface Spread {
  min: number;
  median: number;
  mean: number;
  max: number;
  sum: number;
}

export interface PictureStats {
  width: Spread;
  height: Spread;
  /** Pictures of each format, the most frequent first. */
  formats: Record<string, number>;
  /** Pictures whose header cannot be read. */
  unreadable: number;
}

export interface DatasetStats {
  samples: number;
  classes: number;
  /** Images per class, by class index. */
  counts: number[];
  /** Images of the largest class for each of the smallest that has any. */
  imbalance: number;
  emptyClasses: number;
  bytes: Spread;
}

/** All 0 for no numbers. Sorts them. */
function spreadOf(values: Float64Array): Spread {
  values.sort();
  const { length } = values;
  if (length === 0) return { min: 0, median: 0, mean: 0, max: 0, sum: 0 };
  const sum = values.reduce((total, value) => total + value, 0);
  const middle = length >> 1;
  const median = length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return { min: values[0], median, mean: sum / length, max: values[length - 1], sum };
}

export function datasetStats({ samples, labels, classes, table }: Dataset): DatasetStats {
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) counts[label]++;
  const filled = counts.filter((count) => count > 0);
  const most = filled.reduce((a, b) => Math.max(a, b));
  const fewest = filled.reduce((a, b) => Math.min(a, b));
  const sizes = new Float64Array(samples);
  let index = 0;
  for (const { size } of rowsOf(table)) sizes[index++] = size;
  return {
    samples,
    classes: classes.length,
    counts,
    imbalance: most / fewest,
    emptyClasses: counts.length - filled.length,
    bytes: spreadOf(sizes),
  };
}

/** Nearly every header ends within these bytes. */
const HEADER_BYTES = 64 * 1024;
/** Reads at once: as many as libuv has threads. */
const READS = 4;
const REMOTE_READS = 32;

/** Reads the header of every picture; `onRead` is called after each. */
export async function pictureStats(
  module: ImageModule,
  dataset: Dataset,
  onRead: (done: number) => void,
): Promise<PictureStats> {
  const { samples } = dataset;
  const widths = new Float64Array(samples);
  const heights = new Float64Array(samples);
  const formats = new Map<string, number>();
  let done = 0;
  let read = 0;
  const readOne = async (index: number, remote: RemoteSource | undefined): Promise<void> => {
    const location = sampleLocation(dataset, index);
    try {
      const start = await readSample(location, { remote, most: HEADER_BYTES });
      const { format, width, height } = await headerOf(start, () => readSample(location, { remote }));
      widths[read] = width;
      heights[read++] = height;
      const kind = location.layout === undefined ? format : "CIFAR";
      formats.set(kind, (formats.get(kind) ?? 0) + 1);
    } catch (error) {
      // A store that cannot be reached says nothing of its pictures.
      if (!isFileFault(error)) throw error;
    }
    onRead(++done);
  };
  const headerOf = async (start: Uint8Array, whole: () => Promise<Uint8Array>) => {
    try {
      return readPictureHeader(module, start);
    } catch (error) {
      if (start.length < HEADER_BYTES) throw error;
      return readPictureHeader(module, await whole());
    }
  };
  const reads = dataset.remote ? REMOTE_READS : READS;
  await withRemoteSource(dataset.remote, reads, (remote) =>
    eachParallel(samples, reads, (index) => readOne(index, remote)),
  );
  return {
    width: spreadOf(widths.subarray(0, read)),
    height: spreadOf(heights.subarray(0, read)),
    formats: Object.fromEntries([...formats].sort(([, a], [, b]) => b - a)),
    unreadable: samples - read,
  };
}
