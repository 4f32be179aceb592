// Report: which peers take part, whether their pixels are equal, and the table.

import { cpus, loadavg } from "node:os";
import type { Peer, Peers } from "./comparison.js";
import type { Inputs } from "./inputs.js";
import type { Results } from "./tasks.js";

/** Returns the machine's load, averaged over a minute. */
export function printHeading({ photos, large }: Inputs, { present, absent }: Peers): number {
  const load = Number(loadavg()[0].toFixed(2));
  const [cpu] = cpus();
  console.log(
    `${cpus().length} × ${cpu?.model}, load ${load} at the start, one thread each, files in memory`,
  );
  const levels = large?.levels.map(({ level, megabytes }) => `${level} ${megabytes} MB`) ?? [];
  console.log(
    `${photos.count} photographs, ${large?.files ?? 0} files of 12 megapixels at each level: ${levels}`,
  );
  for (const [name, { version }] of present) console.log(`  ${name.padEnd(13)} ${version}`);
  for (const [name, reason] of absent) console.log(`  ${name.padEnd(13)} is missing: ${reason}`);
  return load;
}

/** How many files of each decoder have our pixels. Throws where libjpeg-turbo's differ: a wrong decoder is not timed. */
export async function printEqual(
  { photos, large }: Inputs,
  { present }: Peers,
): Promise<Record<string, string>> {
  const equalPixels: Record<string, string> = {};
  const compare = async (us: string, them: string, count: number, first = 0) => {
    const other = present.get(them);
    if (other === undefined) return;
    const ours = await (present.get(us) as Peer).hashes(first, first + count);
    const theirs = await other.hashes(first, first + count);
    const equal = ours.filter((hash, i) => hash === theirs[i]).length;
    equalPixels[them] = `${equal} of ${count}`;
    console.log(`  ${them.padEnd(13)} pixels equal to ours: ${equalPixels[them]}`);
    if (them.startsWith("native") && equal < count)
      throw new Error(`bench: ${count - equal} of ${count} pictures differ from libjpeg-turbo's`);
  };
  for (const them of ["native", "sharp", "jsquash"]) await compare("vitrine", them, photos.count);
  for (const { first } of large?.levels ?? [])
    await compare("vitrineLarge", "nativeLarge", large?.files ?? 0, first);
  return equalPixels;
}

export function printResults(
  { ratios, ratiosOfWall, imagesPerSecond }: Results,
  missing: Readonly<Record<string, string>>,
): void {
  console.log("images/s of CPU time");
  for (const [task, speeds] of Object.entries(imagesPerSecond)) {
    const text = Object.entries(speeds).map(([name, speed]) => `${name} ${speed.toFixed(1)}`);
    console.log(`  ${task.padEnd(13)} ${text.join(", ")}`);
  }
  console.log("ours over theirs                  CPU time                 wall time");
  for (const [name, ratio] of Object.entries(ratios)) {
    const wall = ratiosOfWall[name];
    if (!ratio || !wall) console.log(`  ${name.padEnd(24)} none: ${missing[name]}`);
    else console.log(`  ${name.padEnd(24)} ${[ratio, wall].map(interval).join("   ")}`);
  }
}

function interval({ median, low, high }: { median: number; low: number; high: number }): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`.padEnd(20);
}
