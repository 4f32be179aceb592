// Sample set: class folders of drawn JPEG files, the same bytes on every machine.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Domain } from "../../runtime/draw/random.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { encodeJpeg } from "../image/write-picture.js";
import { drawScene, type Random, SIDE } from "./scene.js";
import { SHAPES } from "./shapes.js";

/** Pictures of each class. */
export interface SampleCounts {
  train: number;
  val: number;
}

export const SAMPLE_COUNTS: SampleCounts = { train: 200, val: 50 };

/** A random stream per picture of a split and class, so that the order of writing does not matter. */
export type RandomFor = (split: "train" | "val", classIndex: number, index: number) => Random;

/** A change changes every picture, and with them the figures in the README. */
const SEED = 2012_12877;

/** Numbers generated at a time: enough for one picture. */
const POOL = 8192;

/** Streams of the counter-based generator, keyed by (split, class, index); another `set` has other pictures. */
export async function randomForSamples(set = 0): Promise<RandomFor> {
  const { math } = await createImageModule(nodeHost());
  return (split, classIndex, index) => {
    const pool = new Float32Array(POOL);
    let taken = POOL;
    let fetched = 0;
    return () => {
      if (taken === POOL) {
        const key = {
          seed: SEED + set,
          epoch: split === "train" ? 0 : 1,
          index,
          repeat: classIndex * 256 + fetched++,
        };
        math.uniforms(key, Domain.Scene, POOL, pool);
        taken = 0;
      }
      return pool[taken++];
    };
  };
}

/** Class name → how a picture of it is drawn: RGBA bytes [SIDE, SIDE, 4]. Names sort as the class folders do. */
export type SampleClasses = ReadonlyMap<string, (random: Random) => Uint8Array>;

/** One picture's file bytes. */
export function samplePicture(draw: (random: Random) => Uint8Array, random: Random): Promise<Uint8Array> {
  return encodeJpeg({ width: SIDE, height: SIDE, data: draw(random) });
}

export const SHAPE_CLASSES: SampleClasses = new Map(
  [...SHAPES].map(([name, inside]) => [name, (random: Random) => drawScene(inside, random)]),
);

/**
 * Writes `folder/train/CLASS/0000.jpg …` and `folder/val/…` unless the folder exists. The set is written under another
 * name and then renamed: an interrupted run leaves no partial set.
 */
export async function ensureSampleSet(
  folder: string,
  randomFor: RandomFor,
  counts = SAMPLE_COUNTS,
  classes = SHAPE_CLASSES,
): Promise<void> {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  for (const split of ["train", "val"] as const) {
    for (const [classIndex, [name, draw]] of [...classes].entries()) {
      const target = join(partial, split, name);
      mkdirSync(target, { recursive: true });
      for (let index = 0; index < counts[split]; index++) {
        const bytes = await samplePicture(draw, randomFor(split, classIndex, index));
        writeFileSync(join(target, `${String(index).padStart(4, "0")}.jpg`), bytes);
      }
    }
  }
  renameSync(partial, folder);
}
