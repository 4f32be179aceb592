// Sample set: class folders of drawn JPEG files, the same bytes on every machine for the same seed.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeJpeg } from "./encode-jpeg.js";
import { drawScene, type Random, SIDE } from "./scene.js";
import { SHAPES } from "./shapes.js";

/** Pictures of each class. */
export interface SampleCounts {
  train: number;
  val: number;
}

export const SAMPLE_COUNTS: SampleCounts = { train: 200, val: 50 };

/** Picture `index` of a split and class draws from a stream of its own, so that the order of writing is free. */
export type RandomFor = (split: "train" | "val", classIndex: number, index: number) => Random;

/** One picture's file bytes. */
export async function samplePicture(shape: string, random: Random): Promise<Uint8Array> {
  const inside = SHAPES.get(shape);
  if (!inside) throw new RangeError(`no shape "${shape}"`);
  return encodeJpeg({ width: SIDE, height: SIDE, data: drawScene(inside, random) });
}

/**
 * Writes `folder/train/CLASS/0000.jpg …` and `folder/val/…` unless the folder is already there.
 * The set is written under another name and then renamed: an interrupted run leaves no half set.
 */
export async function ensureSampleSet(
  folder: string,
  randomFor: RandomFor,
  counts = SAMPLE_COUNTS,
): Promise<void> {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  for (const split of ["train", "val"] as const) {
    for (const [classIndex, shape] of [...SHAPES.keys()].entries()) {
      const target = join(partial, split, shape);
      mkdirSync(target, { recursive: true });
      for (let index = 0; index < counts[split]; index++) {
        const bytes = await samplePicture(shape, randomFor(split, classIndex, index));
        writeFileSync(join(target, `${String(index).padStart(4, "0")}.jpg`), bytes);
      }
    }
  }
  renameSync(partial, folder);
}
