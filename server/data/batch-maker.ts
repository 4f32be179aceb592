// Batch maker: batch k of epoch e, a pure function of (data set, recipe, batch size, seed, e, k).

import { createHash } from "node:crypto";
import type { Batch, Cursor } from "../../runtime/batches/batch-source.js";
import { drawBatch } from "../../runtime/draw/mix.js";
import { batchesPerEpoch, createOrder, type Order, sampleAt } from "../../runtime/draw/order.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { type ErrorRecord, fromErrorRecord, VitrineError } from "../../runtime/errors.js";
import { type Dataset, sampleFile } from "./dataset.js";
import type { DecodePool, TrainingSample } from "./decode-task.js";

export type BadSamples = "fail" | "skip";

export interface BatchOptions {
  recipe: AugmentationRecipe;
  batchSize: number;
  /** Below 2⁵³. */
  seed: number;
  /** `fail`: a bad file is an error. `skip`: it keeps its place with weight 0 and zero pixels. */
  badSamples: BadSamples;
  /** Called for each bad file that was skipped. */
  onSkipped?: (error: VitrineError) => void;
}

/** A batch without the time its consumer waited, which a maker cannot know. */
export type MadeBatch = Omit<Batch, "waitSeconds">;

export interface BatchMaker {
  readonly batchesPerEpoch: number;
  /** Bytes of one batch's pixels. */
  readonly pixelBytes: number;
  /** Fills `pixels`, uint8 [batchSize, size, size, 3]. Rejects with the first bad sample's error under `fail`. */
  make(cursor: Cursor, pixels: Uint8Array, signal: AbortSignal): Promise<MadeBatch>;
}

/** Throws `data/too-few-samples` where an epoch holds no full batch. */
export function createBatchMaker(
  pool: DecodePool,
  math: DrawMath,
  dataset: Dataset,
  options: BatchOptions,
): BatchMaker {
  const { recipe, batchSize, seed } = options;
  const samples = dataset.names.length;
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
  });
  return {
    batchesPerEpoch: count,
    pixelBytes: batchSize * recipe.size * recipe.size * 3,
    async make(cursor, pixels, signal) {
      const drawn = drawSamples(math, order, dataset, cursor, options);
      const bad = await decodeAll(pool, drawn, recipe, pixels, signal);
      return assemble(dataset, cursor, drawn, bad, pixels, options);
    },
  };
}

function drawSamples(
  math: DrawMath,
  order: Order,
  dataset: Dataset,
  { epoch, batch }: Cursor,
  { recipe, batchSize, seed }: BatchOptions,
): TrainingSample[] {
  const mixes = drawBatch(math, { seed, epoch, index: batch, repeat: 0 }, batchSize, recipe).samples;
  return mixes.map((mix, place) => {
    const { index, repeat } = sampleAt(order, epoch, batch * batchSize + place);
    return { file: sampleFile(dataset, index), key: { seed, epoch, index, repeat }, place, mix };
  });
}

/** For each place of the batch, what was wrong with its file, or null. */
async function decodeAll(
  pool: DecodePool,
  drawn: TrainingSample[],
  recipe: AugmentationRecipe,
  pixels: Uint8Array,
  signal: AbortSignal,
): Promise<(ErrorRecord | null)[]> {
  const bad = new Array<ErrorRecord | null>(drawn.length).fill(null);
  const pairs = Array.from({ length: Math.ceil(drawn.length / 2) }, (_, b) => {
    const places = new Set([b, drawn.length - 1 - b]);
    return [...places].map((place) => drawn[place]);
  });
  await Promise.all(
    pairs.map(async (samples) => {
      const outcome = await pool.run({ kind: "training", samples, recipe }, pixels, signal);
      samples.forEach(({ place }, i) => {
        bad[place] = outcome[i] ?? null;
      });
    }),
  );
  return bad;
}

/** A bad sample and its partner are not mixed: the partner keeps its own pixels, λ = 1 and its own label. */
function assemble(
  dataset: Dataset,
  cursor: Cursor,
  drawn: TrainingSample[],
  bad: (ErrorRecord | null)[],
  pixels: Uint8Array,
  { recipe, badSamples, onSkipped }: BatchOptions,
): MadeBatch {
  const count = drawn.length;
  const labels = Int32Array.from(drawn, ({ key }) => dataset.labels[key.index]);
  const partnerLabels = labels.slice();
  const lambdas = new Float64Array(count).fill(1);
  const weights = new Float32Array(count).fill(1);
  for (let b = 0; b < count; b++) {
    const partner = count - 1 - b;
    const record = bad[b];
    if (record) {
      const error = fromErrorRecord(record);
      if (badSamples === "fail") throw error;
      weights[b] = 0;
      onSkipped?.(error);
      continue;
    }
    const { mix } = drawn[b];
    if (mix.kind === "none" || bad[partner]) continue;
    partnerLabels[b] = labels[partner];
    lambdas[b] = mix.lambda;
  }
  return { cursor, count, size: recipe.size, pixels, labels, partnerLabels, lambdas, weights };
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * SHA-256 of a batch, hex, to compare machines, versions or worker counts: pixels, labels, partner labels, λ and
 * weights, in this order, numbers little-endian.
 */
export function batchDigest(batch: Omit<Batch, "waitSeconds">): string {
  const hash = createHash("sha256").update(batch.pixels);
  for (const field of [batch.labels, batch.partnerLabels, batch.lambdas, batch.weights])
    hash.update(bytesOf(field));
  return hash.digest("hex");
}
