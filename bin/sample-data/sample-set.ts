// Sample set: class folders of drawn JPEG files, the same bytes on every machine for the same seed.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import jpeg from "jpeg-js";
import { drawScene, type Random, SIDE } from "./scene.js";
import { SHAPES } from "./shapes.js";

/** Quality 90 as photographs have it: artefacts are part of what a decoder must deliver. */
const QUALITY = 90;

/** Pictures of each class. */
export interface SampleCounts {
  train: number;
  val: number;
}

export const SAMPLE_COUNTS: SampleCounts = { train: 200, val: 50 };

/** Picture `index` of a split and class draws from a stream of its own, so that the order of writing is free. */
export type RandomFor = (split: "train" | "val", classIndex: number, index: number) => Random;

/** One picture's file bytes. */
export function samplePicture(shape: string, random: Random): Uint8Array {
  const inside = SHAPES.get(shape);
  if (!inside) throw new RangeError(`no shape "${shape}"`);
  return jpeg.encode({ width: SIDE, height: SIDE, data: drawScene(inside, random) }, QUALITY).data;
}

/**
 * Writes `folder/train/CLASS/0000.jpg …` and `folder/val/…` unless the folder is already there.
 * The set is written under another name and then renamed: an interrupted run leaves no half set.
 */
export function ensureSampleSet(folder: string, randomFor: RandomFor, counts = SAMPLE_COUNTS): void {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  for (const split of ["train", "val"] as const) {
    [...SHAPES.keys()].forEach((shape, classIndex) => {
      const target = join(partial, split, shape);
      mkdirSync(target, { recursive: true });
      for (let index = 0; index < counts[split]; index++) {
        const bytes = samplePicture(shape, randomFor(split, classIndex, index));
        writeFileSync(join(target, `${String(index).padStart(4, "0")}.jpg`), bytes);
      }
    });
  }
  renameSync(partial, folder);
}
