// Sample location: where the bytes of a sample are and what they were when they were listed, as plain values that cross
// threads, and what is said where they are no longer that.

import { VitrineError } from "../../runtime/errors.js";

/** What was known of a sample when the data set was listed; what differs at read is `data/file-changed`. */
export interface ExpectedFile {
  /** Bytes of the whole file: of a range, those of the file around it. */
  bytes: number;
  /** Time of its last modification, milliseconds since 1970 with fractions. Absent: not compared. */
  modifiedMs?: number;
  /** ETag of a remote object. Absent: not compared. */
  etag?: string;
  /** SHA-256 of the sample's bytes, hex; of what is read whole. */
  sha256?: string;
}

/** `name`: what messages call the sample or shard; `what` differs from the listing. */
export function fileChanged(name: string, path: string, what: string): VitrineError {
  const text =
    `${name}: the file has changed since the data set was listed: ${what}; write the data set's index again, if it has ` +
    "one, and restart the data server or the command that reads the data set";
  return new VitrineError("data/file-changed", text, { details: { path } });
}

/** `planar-32`: 32 × 32 red values in rows, then green, then blue, as in CIFAR. */
export type SampleLayout = "planar-32";

/** Bytes of a `planar-32` picture. */
export const PLANAR_32_BYTES = 3 * 32 * 32;

export interface SampleLocation {
  /** Path of the file, relative where the user gave a relative one, or its URL. */
  file: string;
  /** The path as bytes, where it is not UTF-8 and `file` is how it is shown. */
  pathBytes?: Uint8Array;
  /** What messages call the sample: the path, or "shard-00.tar: n01/x.jpg". */
  name: string;
  /** First byte of the sample in the file. Default 0. */
  offset?: number;
  /** Bytes of the sample. Default: up to the end of the file. */
  length?: number;
  expected?: ExpectedFile;
  /** How the bytes are a picture. Default: they are a file of a picture format. */
  layout?: SampleLayout | undefined;
}

/** A whole file at a path, of which nothing is expected. */
export function fileLocation(file: string): SampleLocation {
  return { file, name: file };
}

/** Samples that are located one by one, since a list of all locations of a large data set would take its memory. */
export interface LocatedSamples {
  count: number;
  /** Location of sample `index`, 0 … count − 1. */
  at(index: number): SampleLocation;
}
