// Timing: what measuring the stages of a task costs. The difference is far below what two runs differ by, so that the
// calls are counted, and timed by themselves.

import { serialize } from "node:v8";
import { noStageSeconds } from "../../runtime/batches/sample-task.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";

const IMAGES = 64;
const BATCHES = 3;
const REPEATS = 1_000_000;

export interface TimingFigures {
  /** Clock readings an image, in decode tasks. */
  readings: number;
  /** Of one, in nanoseconds. */
  readingNs: number;
  /** Of the times in a task's answer, for each of its two images, in nanoseconds. */
  answerNs: number;
  /** CPU time of an image, in milliseconds. */
  imageMs: number;
  /** Cost of measuring as a fraction of an image's CPU time. */
  fraction: number;
}

function nanosecondsOf(body: () => unknown, repeats: number): number {
  for (let i = 0; i < repeats / 10; i++) body();
  const before = process.cpuUsage();
  for (let i = 0; i < repeats; i++) body();
  const { user, system } = process.cpuUsage(before);
  return (1000 * (user + system)) / repeats;
}

/** `data`: a data set of at least 64 pictures. */
export async function measureTiming(data: string): Promise<TimingFigures> {
  const clock = performance.now.bind(performance);
  let readings = 0;
  performance.now = () => {
    readings++;
    return clock();
  };
  try {
    const dataset = await openDataset(data);
    const settings = { dataset, recipe: DEIT_RECIPE, batchSize: IMAGES, seed: 1, workers: 0 };
    const source = await openPipeline({ ...settings, badSamples: "skip" });
    let count = 0;
    let before = process.cpuUsage();
    for await (const _ of source.batches({ epoch: 0, batch: 0 })) {
      if (++count === 1) {
        before = process.cpuUsage();
        readings = 0;
      }
      if (count === 1 + BATCHES) break;
    }
    const { user, system } = process.cpuUsage(before);
    await source.close();
    const images = BATCHES * IMAGES;
    const imageMs = (user + system) / 1000 / images;
    performance.now = clock;
    const readingNs = nanosecondsOf(() => performance.now(), REPEATS);
    const answer = { kind: "done", id: 1, outcome: [null, null] };
    const timed = { ...answer, stages: noStageSeconds() };
    const tenth = REPEATS / 10;
    const answerNs =
      (nanosecondsOf(() => serialize(timed), tenth) - nanosecondsOf(() => serialize(answer), tenth)) / 2;
    const perImage = readings / images;
    const fraction = (perImage * readingNs + answerNs) / 1e6 / imageMs;
    return { readings: perImage, readingNs, answerNs, imageMs, fraction };
  } finally {
    performance.now = clock;
  }
}
