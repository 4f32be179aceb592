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

/** What to do with a file that cannot be decoded; docs/data-service.md. */
export type BadSamples = "fail" | "skip" | "partial";

/** How the files of a data set are read. */
export interface ReadingPolicy {
  /**
   * `fail`: a bad file is an error. `skip`: it keeps its place with weight 0 and zero pixels, or is left out of a
   * validation. `partial`: of a damaged file the rows that it still has are used; one without any is skipped.
   */
  badSamples: BadSamples;
  /** Largest number of pixels that a picture's header may claim. Default 178,956,970. */
  pixelLimit?: number | undefined;
  /** Called for each bad file that was skipped. */
  onSkipped?: (error: VitrineError) => void;
  /** Called for each damaged file that was used in part. */
  onKept?: (error: VitrineError) => void;
}

export interface BatchOptions extends ReadingPolicy {
  recipe: AugmentationRecipe;
  batchSize: number;
  /** Below 2⁵³. */
  seed: number;
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
      const bad = await decodeAll(pool, drawn, options, pixels, signal);
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
  { recipe, badSamples, pixelLimit, onKept }: BatchOptions,
  pixels: Uint8Array,
  signal: AbortSignal,
): Promise<(ErrorRecord | null)[]> {
  const bad = new Array<ErrorRecord | null>(drawn.length).fill(null);
  const reading = { pixelLimit, partial: badSamples === "partial" };
  const pairs = Array.from({ length: Math.ceil(drawn.length / 2) }, (_, b) => {
    const places = new Set([b, drawn.length - 1 - b]);
    return [...places].map((place) => drawn[place]);
  });
  await Promise.all(
    pairs.map(async (samples) => {
      const outcome = await pool.run({ kind: "training", samples, recipe, reading }, pixels, signal);
      samples.forEach(({ place }, i) => {
        const fault = outcome[i];
        if (fault?.kept) onKept?.(fromErrorRecord(fault.error));
        else bad[place] = fault?.error ?? null;
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
