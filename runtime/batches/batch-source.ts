// Batch source: what a trainer needs of whoever delivers batches, be it a data server over gRPC or a pipeline in
// the same process. Types only.

/** The next batch to be made: epoch e, batch index k within it. Both count from 0. */
export interface Cursor {
  epoch: number;
  batch: number;
}

/** What a data set is, as far as a trainer must know. */
export interface DataDescription {
  /** SHA-256 over names, sizes and labels, hex: two servers with the same fingerprint serve the same batches. */
  fingerprint: string;
  samples: number;
  /** Class names in index order; an empty string where the list named only the index. */
  classes: string[];
  /** Changes whenever the server process starts anew. */
  instance: string;
}

/** One training batch, ready to use. Sample b mixes its own label and its partner's: λ·y(i) + (1−λ)·y(j). */
export interface Batch {
  cursor: Cursor;
  count: number;
  /** uint8 [count, size, size, 3], row-major, RGB, already augmented and mixed. */
  pixels: Uint8Array;
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
}

export interface BatchSource {
  readonly description: DataDescription;
  /** Full batches in one epoch (the rest is dropped). */
  readonly batchesPerEpoch: number;
  /**
   * Batches from `from` on, epoch after epoch without end. The same cursor always gives the same bytes.
   * A batch's arrays are valid until the next one is asked for. Ending the iteration releases the connection.
   */
  batches(from: Cursor): AsyncIterable<Batch>;
  close(): Promise<void>;
}

/** One batch of validation images: evaluation transform applied, nothing drawn. */
export interface EvaluationBatch {
  count: number;
  /** uint8 [count, size, size, 3]. */
  pixels: Uint8Array;
  /** Class index in the data set's own order, [count]. */
  labels: Int32Array;
  /** File of each sample, for messages. */
  names: string[];
}

/** Validation images in the data set's order, the last batch may be short. Each call starts from the beginning. */
export interface EvaluationSource {
  readonly description: DataDescription;
  batches(): AsyncIterable<EvaluationBatch>;
  close(): Promise<void>;
}
