// Batch maker: batch k of epoch e, a pure function of (data set, recipe, batch size, seed, e, k), wherever its files are:
// on disks, behind a network, or in a page.

import { drawBatch } from "../draw/mix.js";
import { batchesPerEpoch, createOrder, type Order, sampleAt } from "../draw/order.js";
import type { DrawMath } from "../draw/random.js";
import { placesOfRank, type Rank } from "../draw/ranks.js";
import type { AugmentationRecipe } from "../draw/recipe.js";
import { type ErrorRecord, fromErrorRecord, VitrineError } from "../errors.js";
import type { Batch, Cursor } from "./batch-source.js";
import type { ReadingPolicy } from "./reading-policy.js";
import type { SamplePool, TrainingSample } from "./sample-task.js";

/** With a rank, a batch has the samples of `placesOfRank`. */
export interface BatchOptions extends ReadingPolicy, Rank {
  recipe: AugmentationRecipe;
  /** Of all ranks together. */
  batchSize: number;
  /** Below 2⁵³. */
  seed: number;
}

/** A data set as a batch maker needs it. `Location`: what a pool finds a sample's bytes by. */
export interface LocatedDataset<Location> {
  /** For messages. */
  path: string;
  /** Number of samples. */
  samples: number;
  /** Identifies the data set, so that different ones are ordered differently. */
  fingerprint: string;
  /** Class index of each sample. */
  labels: Int32Array;
  /** Where sample `index` is. */
  locationAt(index: number): Location;
}

/** A batch without the time its consumer waited, which a maker cannot know. */
export type MadeBatch = Omit<Batch, "waitSeconds"> & { names?: string[] };

export interface BatchMaker {
  readonly batchesPerEpoch: number;
  /** Bytes of one batch's pixels. */
  readonly pixelBytes: number;
  /** Fills `pixels`, uint8 [batchSize / world, size, size, 3]. Rejects with the first bad sample's error under `fail`. */
  make(cursor: Cursor, pixels: Uint8Array, signal: AbortSignal): Promise<MadeBatch>;
}

/** Throws `data/too-few-samples` where an epoch holds no full batch, `usage/rank`. */
export function createBatchMaker<Location>(
  pool: SamplePool<Location>,
  math: DrawMath,
  dataset: LocatedDataset<Location>,
  options: BatchOptions,
): BatchMaker {
  const { recipe, batchSize, seed } = options;
  const samples = dataset.samples;
  const count = batchesPerEpoch(samples, batchSize, recipe.repeats);
  if (count < 1)
    throw new VitrineError(
      "data/too-few-samples",
      `${dataset.path}: ${samples} images do not fill one batch of ${batchSize}: lower --batch-size`,
      { details: { samples, batchSize } },
    );
  const order = createOrder(math, {
    fingerprint: dataset.fingerprint,
    samples,
    seed,
    repeats: recipe.repeats,
    window: recipe.shuffleWindow,
  });
  const places = placesOfRank(batchSize, options);
  return {
    batchesPerEpoch: count,
    pixelBytes: places.length * recipe.size * recipe.size * 3,
    async make(cursor, pixels, signal) {
      const drawn = drawSamples(math, order, dataset, cursor, options, places);
      const bad = await decodeAll(pool, drawn, options, pixels, signal);
      return assemble(dataset, cursor, drawn, bad, pixels, options);
    },
  };
}

/** The samples of a batch, and partners on other ranks that some of them are mixed with. */
interface DrawnBatch<Location> {
  /** Row by row; then those that are only mixed into a row. */
  samples: TrainingSample<Location>[];
  rows: number;
  /** For each row, the index in `samples` of the one that it is mixed with. */
  partners: Int32Array;
}

/** `places`: those of the global batch that the rows have. */
function drawSamples<Location>(
  math: DrawMath,
  order: Order,
  dataset: LocatedDataset<Location>,
  { epoch, batch }: Cursor,
  { recipe, batchSize, seed }: BatchOptions,
  places: Int32Array,
): DrawnBatch<Location> {
  const mixes = drawBatch(math, { seed, epoch, index: batch, repeat: 0 }, batchSize, recipe).samples;
  const sample = (at: number, place: number | null): TrainingSample<Location> => {
    const { index, repeat } = sampleAt(order, epoch, batch * batchSize + at);
    const location = dataset.locationAt(index);
    return { location, key: { seed, epoch, index, repeat }, place, mix: mixes[at] };
  };
  const samples = Array.from(places, sample);
  const rowAt = new Map(Array.from(places, (at, row) => [at, row]));
  const partners = places.map((at, row) => {
    const partner = batchSize - 1 - at;
    return rowAt.get(partner) ?? (mixes[at].kind === "none" ? row : samples.push(sample(partner, null)) - 1);
  });
  return { samples, rows: places.length, partners };
}

/** For each sample of the batch, what was wrong with its file, or null. */
async function decodeAll<Location>(
  pool: SamplePool<Location>,
  { samples, partners }: DrawnBatch<Location>,
  { recipe, badSamples, pixelLimit, onKept }: BatchOptions,
  pixels: Uint8Array,
  signal: AbortSignal,
): Promise<(ErrorRecord | null)[]> {
  const bad = new Array<ErrorRecord | null>(samples.length).fill(null);
  const reading = { pixelLimit, partial: badSamples === "partial" };
  // The middle sample of an odd batch is its own partner.
  const pairs = Array.from(partners, (partner, row) => [...new Set([row, partner])]).filter(
    ([row, partner = row]) => row <= partner,
  );
  await Promise.all(
    pairs.map(async (pair) => {
      const task = { kind: "training", samples: pair.map((one) => samples[one]), recipe, reading } as const;
      const outcome = await pool.run(task, pixels, signal);
      pair.forEach((one, i) => {
        const fault = outcome[i];
        if (!fault?.kept) bad[one] = fault?.error ?? null;
        else if (samples[one].place !== null) onKept?.(fromErrorRecord(fault.error));
      });
    }),
  );
  return bad;
}

/** A bad sample and its partner are not mixed: the partner keeps its own pixels, λ = 1 and its own label. */
function assemble(
  dataset: Pick<LocatedDataset<unknown>, "labels">,
  cursor: Cursor,
  { samples, rows, partners }: DrawnBatch<unknown>,
  bad: (ErrorRecord | null)[],
  pixels: Uint8Array,
  { recipe, badSamples, onSkipped }: BatchOptions,
): MadeBatch {
  const labelOf = ({ key }: TrainingSample<unknown>): number => dataset.labels[key.index];
  const labels = Int32Array.from(samples.slice(0, rows), labelOf);
  const partnerLabels = labels.slice();
  const lambdas = new Float64Array(rows).fill(1);
  const weights = new Float32Array(rows).fill(1);
  const first = bad.find((record) => record !== null);
  if (first && badSamples === "fail") throw fromErrorRecord(first);
  for (let row = 0; row < rows; row++) {
    const partner = partners[row];
    const record = bad[row];
    if (record) {
      weights[row] = 0;
      onSkipped?.(fromErrorRecord(record));
      continue;
    }
    const { mix } = samples[row];
    if (mix.kind === "none" || bad[partner]) continue;
    partnerLabels[row] = labelOf(samples[partner]);
    lambdas[row] = mix.lambda;
  }
  return { cursor, count: rows, size: recipe.size, pixels, labels, partnerLabels, lambdas, weights };
}
