// Photo list: a data set of at least so many pictures, of photographs or of drawn ones.

import { readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ensureSampleSet, randomForSamples } from "../../bin/sample-data/sample-set.js";
import { sampleNames } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";

const DRAWN = { train: 40, val: 1 };

/** Files of a folder, or of the drawn set in `work`. */
async function pictures(photos: string | undefined, work: string): Promise<string[]> {
  if (photos === undefined) {
    const drawn = join(work, "drawn");
    await ensureSampleSet(drawn, await randomForSamples(), DRAWN);
    const train = join(drawn, "train");
    return sampleNames(await openDataset(train)).map((name) => join(train, name));
  }
  const names = readdirSync(photos).filter((name) => /\.jpe?g$/i.test(name));
  if (names.length === 0) throw new Error(`bench: ${photos} has no .jpg files (--photos)`);
  return names.sort().map((name) => resolve(photos, name));
}

/**
 * A list in the folder `work` of the folder's photographs, all of one class, repeated until there are `atLeast`; without
 * a folder, of drawn pictures of 96 pixels.
 */
export async function listPhotos(photos: string | undefined, work: string, atLeast: number): Promise<string> {
  const files = await pictures(photos, work);
  const repeats = Math.ceil(atLeast / files.length);
  const rows = Array.from({ length: repeats }, () =>
    files.map((file) => `"${file.replaceAll('"', '""')}",0`),
  ).flat();
  const list = join(work, `${photos === undefined ? "drawn" : "photos"}-${atLeast}.csv`);
  writeFileSync(list, `path,label\n${rows.join("\n")}\n`);
  return list;
}
