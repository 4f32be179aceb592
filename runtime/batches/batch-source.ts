// The contract of a batch: what the data server, its client and the trainer agree on, with a network between them or
// in one process.

import { VitrineError } from "../errors.js";

/** The next batch to be made: epoch e, batch index k within it. Both count from 0. */
export interface Cursor {
  epoch: number;
  batch: number;
}

/** The batch after this one; the last of an epoch is followed by the first of the next. */
export function nextCursor(cursor: Cursor, batchesPerEpoch: number): Cursor {
  return cursorAfter(cursor, 1, batchesPerEpoch);
}

/** The batch `steps` after this one, epochs included. */
export function cursorAfter({ epoch, batch }: Cursor, steps: number, batchesPerEpoch: number): Cursor {
  const index = batch + steps;
  return { epoch: epoch + Math.floor(index / batchesPerEpoch), batch: index % batchesPerEpoch };
}

/** The cursor, with the end of an epoch written as the start of the next. Throws `data/bad-cursor`. */
export function checkCursor({ epoch, batch }: Cursor, batchesPerEpoch: number): Cursor {
  const isIndex = (value: number): boolean => Number.isInteger(value) && value >= 0;
  if (!isIndex(epoch) || !isIndex(batch) || batch > batchesPerEpoch)
    throw new VitrineError(
      "data/bad-cursor",
      `cursor is epoch ${epoch}, batch ${batch}; allowed: epochs from 0, batches 0 to ${batchesPerEpoch}`,
      { details: { epoch, batch, batchesPerEpoch } },
    );
  return batch === batchesPerEpoch ? { epoch: epoch + 1, batch: 0 } : { epoch, batch };
}

/** What a trainer must know of a data set. */
export interface DataDescription {
  /** SHA-256 over names, sizes and labels, hex: two servers with the same fingerprint serve the same batches. */
  fingerprint: string;
  /** Images in the data set. */
  samples: number;
  /** Class names in index order; an empty string where the list gives only the index. */
  classes: string[];
  /** Images of each class, in index order; absent where a data server does not send them. */
  counts?: number[];
  /** Differs each time a server process starts. */
  instance: string;
}

/** One training batch, ready to use. Sample b mixes its own label and its partner's: λ·y(i) + (1−λ)·y(j). */
export interface Batch {
  /** Which batch this is. */
  cursor: Cursor;
  /** Number of samples. */
  count: number;
  /** uint8 [count, size, size, 3], row-major, RGB, already augmented and mixed. */
  pixels: Uint8Array;
  /** Side of the square images in pixels. */
  size: number;
  /** Class index of sample b, [count]. */
  labels: Int32Array;
  /** Class index of the sample that b is mixed with, [count]; equal to `labels` where nothing is mixed. */
  partnerLabels: Int32Array;
  /** λ of the target, [count]; 1 where nothing is mixed. */
  lambdas: Float64Array;
  /** 1, or 0 for a sample that was skipped (a bad file) and keeps its place with zero pixels, [count]. */
  weights: Float32Array;
  /** Seconds the consumer waited for this batch. */
  waitSeconds: number;
  /** How long of it a part of the batch had already arrived, seconds; absent where no server sends it. */
  transferSeconds?: number;
}

/** Training batches, from a data server or from a pipeline in this process. */
export interface BatchSource {
  readonly description: DataDescription;
  /** Full batches in one epoch; the samples left over are dropped. */
  readonly batchesPerEpoch: number;
  /**
   * Batches starting at `from`, epoch after epoch without end. The same cursor always gives the same bytes.
   * A batch's arrays are valid until the next one is requested. Ending the iteration releases the connection.
   */
  batches(from: Cursor): AsyncIterable<Batch>;
  /** Ends the source, and with it every iteration of its batches. */
  close(): Promise<void>;
}

/** One batch of validation images: evaluation transform applied, nothing drawn at random. */
export interface EvaluationBatch {
  count: number;
  /** uint8 [count, size, size, 3]. */
  pixels: Uint8Array;
  /** Class index in the data set's own order, [count]. */
  labels: Int32Array;
  /** File of each sample, for messages. */
  names: string[];
}

/** Validation images in the data set's order; the last batch may be short. */
export interface EvaluationSource {
  readonly description: DataDescription;
  /** Files beside the images that are of no known format and were left out; absent where the source cannot tell. */
  readonly otherFiles?: number;
  /** Their endings, "30 .heic, 5 .txt". */
  readonly otherKinds?: string;
  /** A sentence about samples that could not be listed; empty without any. */
  readonly leftOut?: string;
  /** Each call starts from the first image. A batch's arrays are valid until the next one is requested. */
  batches(): AsyncIterable<EvaluationBatch>;
  close(): Promise<void>;
}
