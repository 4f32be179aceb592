// Data set: which files there are, in which order, with which labels. open-dataset.ts reads it.

import { isAbsolute, join } from "node:path";

export interface Dataset {
  /** What the user named: a folder, or a list file. */
  path: string;
  /** Folder that the names are relative to. */
  root: string;
  /** File of each sample, relative to `root`, "/" between folders. */
  names: string[];
  /** Class index of each sample. */
  labels: Int32Array;
  /** Class names in index order; empty strings where the list gives indices only. */
  classes: string[];
  /** SHA-256 over names, sizes and labels, hex. */
  fingerprint: string;
  /** Files in class folders that are no .jpg or .jpeg and were left out. */
  otherFiles: number;
}

/** What the two kinds of data set are read into. */
export type Listing = Pick<Dataset, "root" | "names" | "labels" | "classes" | "otherFiles"> & {
  /** Bytes of each file. */
  sizes: Float64Array;
};

/** Path of sample `index`, as far as the user spelled it. */
export function sampleFile({ root, names }: Pick<Dataset, "root" | "names">, index: number): string {
  const name = names[index] as string;
  return isAbsolute(name) ? name : join(root, name);
}
