// Data set: which files it has, in which order, with which labels. open-dataset.ts reads it.

import { isAbsolute, join } from "node:path";
import type { SampleLocation } from "./sample-location.js";

export interface Dataset {
  /** The folder or list file, as the user gave it. */
  path: string;
  /** Folder that the names are relative to. */
  root: string;
  /** File of each sample, relative to `root`, "/" between folders. */
  names: string[];
  /** Bytes of each sample's file. */
  sizes: Float64Array;
  /** When each sample's file was last modified, milliseconds since 1970. */
  modified: Float64Array;
  /** Class index of each sample. */
  labels: Int32Array;
  /** Class names in index order; empty strings where the list gives indices only. */
  classes: string[];
  /** SHA-256 over names, sizes and labels, hex. */
  fingerprint: string;
  /** Files of other kinds in class folders, which were left out. */
  otherFiles: number;
  /** Their endings, the most frequent first: "30 .heic, 5 .txt"; empty without any. */
  otherKinds: string;
}

/** What both kinds of data set, class folders and list files, are read into. */
export type Listing = Omit<Dataset, "path" | "fingerprint">;

/** Names that pictures of a format that is read have. What a file is, its content decides. */
export const PICTURE_NAME = /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|ppm|pgm)$/i;

/** Where sample `index` is, and what its file was when it was listed. The path is relative if the user's was. */
export function sampleLocation(dataset: Dataset, index: number): SampleLocation {
  const { root, names, sizes, modified } = dataset;
  const name = names[index];
  const file = isAbsolute(name) ? name : join(root, name);
  return { file, name: file, expected: { bytes: sizes[index], modifiedMs: modified[index] } };
}

/** UTF-16 units ranked by code point: surrogates (above U+FFFF) come after U+E000 … U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The order of classes and files, the same on every machine, whatever its locale: negative if `a` comes first.
 * JavaScript's own `<` compares UTF-16 units, which differs above U+FFFF.
 */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
