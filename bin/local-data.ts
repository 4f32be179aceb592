// Local data: training batches that this process makes itself, by decode threads that write into shared memory: the
// same bytes as from a data server.

import type { BatchSource } from "../runtime/batches/batch-source.js";
import { describeOtherFiles } from "../runtime/batches/class-counts.js";
import { displayPath } from "../runtime/batches/data-path.js";
import type { BadSamples } from "../runtime/batches/reading-policy.js";
import type { Rank } from "../runtime/draw/ranks.js";
import type { AugmentationRecipe } from "../runtime/draw/recipe.js";
import { VitrineError } from "../runtime/errors.js";
import type { Dataset } from "../server/data/dataset.js";
import { openDatasetInThread } from "../server/data/open-in-thread.js";
import { openPipeline } from "../server/data/pipeline.js";
import type { RemoteSettings } from "../server/data/remote/contract.js";
import { listingReport } from "./listing-report.js";

/** Which batches, and the fingerprint that their data set must have. */
export interface AskedBatches extends Rank {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  fingerprint?: string;
  badSamples: BadSamples;
}

export interface LocalDataOptions {
  /** Folder of class folders, a list or an index, or the URL of one. */
  path: string;
  /** Decode threads; 0 decodes in the calling thread. */
  workers: number;
  pixelLimit: number;
  /** How a data set at a URL is read. */
  remote: RemoteSettings;
  /** Receives a line about files that are left out. */
  say(line: string): void;
}

function checkFingerprint({ fingerprint }: Dataset, path: string, expected: string | undefined): void {
  if (expected === undefined || expected === fingerprint) return;
  throw new VitrineError(
    "data/fingerprint-changed",
    `${displayPath(path)} has fingerprint ${fingerprint.slice(0, 12)}…, the run ${expected.slice(0, 12)}…: ` +
      "give the data set that the run was trained on",
    { details: { expected, found: fingerprint } },
  );
}

/** A line for each file that has not had one. */
function onceEach(say: (line: string) => void, what: string): (error: VitrineError) => void {
  const files = new Set<unknown>();
  return ({ message, details }) => {
    if (!files.has(details.file)) say(`${what}: ${message}`);
    files.add(details.file);
  };
}

/**
 * Sources of batches of one data set, which is listed at the first call, in a thread of its own. Each source has decode
 * threads of its own. Throws what `openDataset` throws, `data/fingerprint-changed`, `data/too-few-samples`.
 */
export function localData({
  path,
  workers,
  pixelLimit,
  remote,
  say,
}: LocalDataOptions): (asked: AskedBatches) => Promise<BatchSource> {
  let opening: Promise<Dataset> | undefined;
  const open = async (badSamples: BadSamples): Promise<Dataset> => {
    const dataset = await openDatasetInThread(path, {
      badSamples,
      remote,
      onFiles: listingReport(path, { say }),
    });
    const left = describeOtherFiles(dataset.otherFiles, dataset.otherKinds);
    if (left !== undefined) say(`${displayPath(path)}: ${left}`);
    if (dataset.leftOut !== "") say(`${displayPath(path)}: ${dataset.leftOut}`);
    return dataset;
  };
  const reading = { pixelLimit, onSkipped: onceEach(say, "skipped"), onKept: onceEach(say, "kept in part") };
  return async (asked) => {
    opening ??= open(asked.badSamples);
    const dataset = await opening;
    checkFingerprint(dataset, path, asked.fingerprint);
    return openPipeline({ ...asked, dataset, workers, ...reading });
  };
}
