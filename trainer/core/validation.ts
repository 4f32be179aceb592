// Validation: top-1, top-5 and cross-entropy over a data set, of the raw weights and of their average.

import type { EvaluationBatch, EvaluationSource } from "../../runtime/batches/batch-source.js";
import { counted } from "../../runtime/batches/class-counts.js";
import { VitrineError } from "../../runtime/errors.js";
import { joined, pipelined, type Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import type { Training } from "../../runtime/training/contract.js";
import type { BatchShare } from "./batch-share.js";
import { untilInterrupted } from "./interruption.js";

/** Percent, percent, and mean cross-entropy. */
export interface Scores {
  top1: number;
  top5: number;
  loss: number;
}

/** Of a model's answer; with a distillation head, of both heads alone as well. */
export interface ModelScores extends Scores {
  heads?: { class: Scores; distillation: Scores };
}

export interface ValidationScores {
  images: number;
  /** Images that could not be read and count nowhere. */
  skipped?: number;
  weights: ModelScores;
  ema: ModelScores | null;
}

/**
 * One row of logits against its label: the number of classes that beat the label (0 = top-1), and −log softmax(label).
 * Of equal logits the lower index wins, and NaN beats the label: a broken model must not look right.
 */
export function judge(logits: Float32Array, label: number): { beatenBy: number; loss: number } {
  const own = logits[label];
  if (own === undefined) return { beatenBy: logits.length, loss: Number.POSITIVE_INFINITY };
  let beatenBy = 0;
  let largest = own;
  for (const [index, value] of logits.entries()) {
    const isBeaten = index < label ? value < own : value <= own;
    if (!isBeaten) beatenBy++;
    if (value > largest) largest = value;
  }
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - largest);
  return { beatenBy, loss: Math.log(sum) + largest - own };
}

/** Images, those right at once and among five, and the sum of their losses: of one head. */
const SUMS = 4;
/** Losses are counted in units of this, so that their sum is exact in whatever order images are answered. */
const LOSS_UNIT = 2 ** -30;

function addScores(sums: Float64Array, logits: Float32Array, labels: Int32Array, count: number): void {
  const classes = logits.length / count;
  for (let sample = 0; sample < count; sample++) {
    const answer = logits.subarray(sample * classes, (sample + 1) * classes);
    const { beatenBy, loss } = judge(answer, labels[sample]);
    sums[0]++;
    if (beatenBy < 1) sums[1]++;
    if (beatenBy < 5) sums[2]++;
    sums[3] += Math.round(loss / LOSS_UNIT);
  }
}

function scoresOf([images, top1, top5, loss]: Float64Array): Scores {
  return { top1: (100 * top1) / images, top5: (100 * top5) / images, loss: (LOSS_UNIT * loss) / images };
}

/** Sums of a model's answer and of its heads, which processes add up. */
class ModelTally {
  readonly sums = new Float64Array(3 * SUMS);
  readonly #answer = this.sums.subarray(0, SUMS);
  readonly #class = this.sums.subarray(SUMS, 2 * SUMS);
  readonly #distillation = this.sums.subarray(2 * SUMS);

  add({ logits, classLogits, distillationLogits }: Logits, labels: Int32Array, count: number): void {
    addScores(this.#answer, logits, labels, count);
    if (!distillationLogits) return;
    addScores(this.#class, classLogits, labels, count);
    addScores(this.#distillation, distillationLogits, labels, count);
  }

  /** Images of the answers. */
  get images(): number {
    return this.#answer[0];
  }

  scores(): ModelScores {
    const answer = scoresOf(this.#answer);
    if (this.#class[0] === 0) return answer;
    return { ...answer, heads: { class: scoresOf(this.#class), distillation: scoresOf(this.#distillation) } };
  }
}

export interface ValidationOptions {
  source: EvaluationSource;
  /** Class index of the data set → class index of the model. */
  classMap: Int32Array;
  ema: boolean;
  /** Whose images are a part of the whole; the scores are those of all. Default: it has all of them. */
  share?: BatchShare | undefined;
  /** Stops after this many batches, and counts those of this process alone: the sanity run before training. */
  maxBatches?: number | undefined;
  /** Ends the validation between two batches, with `training/interrupted`. */
  signal?: AbortSignal;
  /** Called with the number of images after each batch. */
  onImages?: (images: number) => void;
  /** Called with each batch, its pixels copied, and the answers of the raw weights. */
  onAnswers?: ((batch: EvaluationBatch, answers: Logits) => void) | undefined;
}

function mapLabels(batch: EvaluationBatch, classMap: Int32Array): Int32Array {
  return batch.labels.subarray(0, batch.count).map((label) => classMap[label] ?? -1);
}

async function* firstBatches(
  batchesOf: AsyncIterable<EvaluationBatch>,
  most: number,
): AsyncGenerator<EvaluationBatch> {
  let batches = 0;
  for await (const batch of batchesOf) {
    yield batch;
    if (++batches === most) break;
  }
}

/** A batch's logits, and what remains of it once its arrays are released. */
interface Answers {
  labels: Int32Array;
  count: number;
  /** Where someone asks for it. */
  kept: EvaluationBatch | undefined;
  raw: Logits;
  average: Logits | undefined;
}

/** On a GPU, the logits of a batch are read while the next one is computed. Throws `data/empty`. */
export async function validate(training: Training, options: ValidationOptions): Promise<ValidationScores> {
  const { source, signal, onImages = () => {}, onAnswers, maxBatches = Number.POSITIVE_INFINITY } = options;
  const weights = new ModelTally();
  const ema = new ModelTally();
  let images = 0;
  const start = async (batch: EvaluationBatch): Promise<Started<Answers>> => {
    const { pixels, count } = batch;
    const labels = mapLabels(batch, options.classMap);
    const kept = onAnswers && { ...batch, pixels: pixels.slice(), labels: batch.labels.slice() };
    const parts = [await training.submitEvaluation(pixels, count, "weights")];
    if (options.ema) parts.push(await training.submitEvaluation(pixels, count, "ema"));
    return joined(parts, ([raw, average]) => ({ labels, count, kept, raw: raw as Logits, average }));
  };
  const take = ({ labels, count, kept, raw, average }: Answers) => {
    weights.add(raw, labels, count);
    if (kept) onAnswers?.(kept, raw);
    if (average) ema.add(average, labels, count);
    images += count;
    onImages(images);
  };
  const batches = signal ? untilInterrupted(source.batches(), signal) : source.batches();
  await pipelined(firstBatches(batches, maxBatches), start, take);
  const isWhole = maxBatches === Number.POSITIVE_INFINITY;
  if (isWhole && options.share) {
    const sums = await options.share.sum([Float64Array.of(...weights.sums, ...ema.sums)]);
    weights.sums.set(sums.subarray(0, weights.sums.length));
    ema.sums.set(sums.subarray(weights.sums.length));
    images = weights.images;
  }
  // One of several ranks may have no image of the first batches.
  if (images === 0 && (isWhole || (options.share?.world ?? 1) === 1))
    throw new VitrineError(
      "data/empty",
      "the validation data has no images: give another folder or list (--val)",
    );
  const skipped = isWhole ? source.description.samples - images : 0;
  const scores = { weights: weights.scores(), ema: options.ema ? ema.scores() : null };
  return { images, ...(skipped > 0 && { skipped }), ...scores };
}

/** Top-5 of five classes or fewer is always right, and says nothing. */
export const hasTop5 = (classes: number): boolean => classes > 5;

function describe({ top1, top5, loss }: Scores, classes: number): string {
  const second = hasTop5(classes) ? `  top-5 ${top5.toFixed(2)}%` : "";
  return `top-1 ${top1.toFixed(2)}%${second}  loss ${loss.toFixed(4)}`;
}

function describeHeads(what: string, { heads }: ModelScores): string[] {
  if (!heads) return [];
  const head = ({ top1, loss }: Scores) => `${top1.toFixed(2)}% (${loss.toFixed(4)})`;
  return [`  ${what}: class ${head(heads.class)}, distillation ${head(heads.distillation)}`];
}

/** `validation at step 240, 78 images: top-1 …`, and lines for heads and average; at most 80 columns. */
export function describeScores(
  { images, skipped = 0, weights, ema }: ValidationScores,
  { step, classes }: { step: number; classes: number },
): string[] {
  return [
    `validation at step ${step}, ${images} ${images === 1 ? "image" : "images"}: ${describe(weights, classes)}`,
    ...(skipped > 0 ? [`  not counted: ${counted(skipped, "image", "images")} that cannot be read`] : []),
    ...describeHeads("heads, top-1 (loss)", weights),
    ...(ema ? [`  average: ${describe(ema, classes)}`, ...describeHeads("average's heads", ema)] : []),
  ];
}
