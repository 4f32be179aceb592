// Data facts: what the doctor measures of a data set, and of a data server.

/** Fields of `vitrine doctor --data PATH --json`; times are seconds an image of one thread, its CPU time but for reading. */
export interface DataFacts {
  images: number;
  workers: number;
  cores: number;
  batchSize: number;
  size: number;
  /** Means over the files that were read. */
  fileBytes: number;
  megapixels: number;
  stages: { read: number; decode: number; augment: number; mix: number; encode: number; wire: number };
  /** All stages with `workers` threads, in this process and over gRPC: images a second. */
  together: number;
  overGrpc: number;
  /** The same: seconds of CPU time an image, of all threads, which other programs do not change. */
  cpu: { together: number; overGrpc: number };
}

/** Fields of `vitrine doctor --data ADDRESS --json`. */
export interface ServerFacts {
  address: string;
  images: number;
  batchSize: number;
  size: number;
  /** Until the first answer, and until the first batch after it. */
  connectMs: number;
  firstBatchMs: number;
  /** Images a second. */
  rate: number;
  /** Fraction of the time in which a part of the awaited batch had arrived, 0 … 1. */
  transfer: number;
}
