// Bench of the data service's limits: memory over many batches, a trainer's wait for data, many streams, the largest
// batches, a small client beside a greedy one, and what measuring costs.
//
// `npm run bench -- data-limits [--only memory,wait,streams,large,fairness,timing] [--photos DIR] [--batches 10000]
// [--step-ms 20] [--json]`. Without --photos the pictures are drawn ones of 96 pixels. With two cores, client and server
// compete for them: what counts in time needs a machine that does nothing else.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { listPhotos } from "./data/photo-list.js";
import { measureFairness } from "./data-limits/fairness.js";
import { measureLargeBatches } from "./data-limits/large-batch.js";
import { measureMemory } from "./data-limits/memory.js";
import { measureStreams } from "./data-limits/streams.js";
import { measureTiming } from "./data-limits/timing.js";
import { measureWait } from "./data-limits/wait.js";

const PARTS = ["memory", "wait", "streams", "large", "fairness", "timing"] as const;
type Part = (typeof PARTS)[number];

interface Options {
  only: readonly Part[];
  photos: string | undefined;
  batches: number;
  stepMs: number;
  json: boolean;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      only: { type: "string", default: PARTS.join(",") },
      photos: { type: "string" },
      batches: { type: "string", default: "10000" },
      "step-ms": { type: "string", default: "20" },
      json: { type: "boolean", default: false },
    },
  });
  const only = values.only.split(",").map((word) => {
    const part = PARTS.find((one) => one === word);
    if (part === undefined) throw new Error(`bench: --only has "${word}"; allowed: ${PARTS.join(", ")}`);
    return part;
  });
  const [batches, stepMs] = [values.batches, values["step-ms"]].map(Number);
  if (!Number.isSafeInteger(batches) || batches < 100)
    throw new Error(`bench: --batches is "${values.batches}"; allowed: 100 or more`);
  if (!(stepMs >= 1)) throw new Error(`bench: --step-ms is "${values["step-ms"]}"; allowed: 1 or more`);
  return { only, photos: values.photos, batches, stepMs, json: values.json };
}

const STREAMS = 1000;
const LARGEST = 4096;

const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)}%`;

export async function main(words: readonly string[]): Promise<void> {
  const { only, photos, batches, stepMs, json } = options(words);
  const work = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  const list = (atLeast: number) => listPhotos(photos, work, atLeast);
  const say = (name: Part, text: string) => console.log(`${name.padEnd(10)}${text}`);
  const measurements: Record<Part, () => Promise<unknown>> = {
    async memory() {
      const figures = await measureMemory(await listPhotos(undefined, work, 64), batches);
      const { streams, limit, counted, idle, resident } = figures;
      const quarters = [0.25, 0.5, 0.75, 1].map((part) => resident[Math.round(part * resident.length) - 1]);
      const texts = quarters.map((megabytes) => megabytes.toFixed(0)).join(", ");
      say(
        "memory",
        `${batches} batches in ${streams} streams; resident, MB: ${idle.toFixed(0)} without streams,`,
      );
      say("memory", `${texts} after each quarter, ${Math.max(...resident).toFixed(0)} at most;`);
      say("memory", `counted ${counted.toFixed(1)} of --memory ${limit.toFixed(1)}`);
      return figures;
    },
    async wait() {
      const figures = await measureWait(await list(64), stepMs, Math.ceil(6000 / stepMs));
      const { dataWait, medianDataWait, cycleMs } = figures;
      say(
        "wait",
        `${percent(dataWait)} of the time, ${percent(medianDataWait)} in the median, at ${stepMs} ms a step`,
      );
      say("wait", `${cycleMs.toFixed(1)} ms from batch to batch`);
      return figures;
    },
    async streams() {
      const figures = await measureStreams(await listPhotos(undefined, work, 64), STREAMS);
      const { first, second, firstSeconds, idle, most } = figures;
      say("streams", `${STREAMS} at once: ${first} had a first batch within ${firstSeconds.toFixed(1)} s,`);
      say("streams", `${second} a second one; resident ${idle.toFixed(0)} to ${most.toFixed(0)} MB`);
      return figures;
    },
    async large() {
      const figures = await measureLargeBatches(await listPhotos(undefined, work, LARGEST + 1));
      for (const { images, size, outcome, grown } of figures)
        say("large", `${images} images of ${size} pixels: ${outcome}, resident +${grown.toFixed(0)} MB`);
      return figures;
    },
    async fairness() {
      const figures = await measureFairness(await list(512), 30);
      const { aloneMs, besideMs, ratio } = figures;
      say(
        "fairness",
        `a batch of 8 every ${aloneMs.toFixed(0)} ms alone, ${besideMs.toFixed(0)} beside batches of 512:`,
      );
      say("fairness", `${ratio.toFixed(2)} times`);
      return figures;
    },
    async timing() {
      const figures = await measureTiming(await list(64));
      const { readings, readingNs, answerNs, imageMs, fraction } = figures;
      say(
        "timing",
        `${readings.toFixed(1)} readings an image of ${readingNs.toFixed(0)} ns, ${answerNs.toFixed(0)} ns in answers,`,
      );
      say("timing", `of ${imageMs.toFixed(2)} ms an image: ${percent(fraction)}`);
      return figures;
    },
  };
  try {
    const result: Record<string, unknown> = { node: process.version, pictures: photos ? "photos" : "drawn" };
    for (const part of only) result[part] = await measurements[part]();
    if (json) console.log(JSON.stringify(result));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
