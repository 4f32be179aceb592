// Report: who takes part, whether their pixels are equal, and the table.

import { cpus, loadavg } from "node:os";
import type { Contestant, Field } from "./comparison.js";
import type { Material } from "./inputs.js";
import type { Results } from "./tasks.js";

/** Answers the load of the machine, average of a minute. */
export function printHeading({ photos, large }: Material, { present, absent }: Field): number {
  const load = Number((loadavg()[0] as number).toFixed(2));
  const [cpu] = cpus();
  console.log(
    `${cpus().length} × ${cpu?.model}, load ${load} at the start, one thread each, files in memory`,
  );
  const levels = large?.levels.map(({ level, megabytes }) => `${level} ${megabytes} MB`) ?? [];
  console.log(
    `${photos.count} photographs, ${large?.files ?? 0} files of 12 megapixels at each level: ${levels}`,
  );
  for (const [name, { version }] of present) console.log(`  ${name.padEnd(13)} ${version}`);
  for (const [name, reason] of absent) console.log(`  ${name.padEnd(13)} takes no part: ${reason}`);
  return load;
}

/** Files whose pixels are ours, of each decoder. Throws where libjpeg-turbo's are not: a wrong decoder is not timed. */
export async function printEqual(
  { photos, large }: Material,
  { present }: Field,
): Promise<Record<string, string>> {
  const answer: Record<string, string> = {};
  const compare = async (us: string, them: string, count: number, first = 0) => {
    const other = present.get(them);
    if (other === undefined) return;
    const ours = await (present.get(us) as Contestant).hashes(first, first + count);
    const theirs = await other.hashes(first, first + count);
    const equal = ours.filter((hash, i) => hash === theirs[i]).length;
    answer[them] = `${equal} of ${count}`;
    console.log(`  ${them.padEnd(13)} pixels equal to ours: ${answer[them]}`);
    if (them.startsWith("native") && equal < count)
      throw new Error(`bench: ${count - equal} of ${count} pictures are not libjpeg-turbo's`);
  };
  for (const them of ["native", "sharp", "jsquash"]) await compare("vitrine", them, photos.count);
  for (const { first } of large?.levels ?? [])
    await compare("vitrineLarge", "nativeLarge", large?.files ?? 0, first);
  return answer;
}

export function printResults(
  { ratios, ratiosOfWall, imagesPerSecond }: Results,
  missing: Readonly<Record<string, string>>,
): void {
  console.log("images/s of processor time");
  for (const [discipline, speeds] of Object.entries(imagesPerSecond)) {
    const text = Object.entries(speeds).map(([name, speed]) => `${name} ${speed.toFixed(1)}`);
    console.log(`  ${discipline.padEnd(13)} ${text.join(", ")}`);
  }
  console.log("ours over theirs                  processor time           wall time");
  for (const [name, ratio] of Object.entries(ratios)) {
    const wall = ratiosOfWall[name];
    if (!ratio || !wall) console.log(`  ${name.padEnd(24)} none: ${missing[name]}`);
    else console.log(`  ${name.padEnd(24)} ${[ratio, wall].map(interval).join("   ")}`);
  }
}

function interval({ median, low, high }: { median: number; low: number; high: number }): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`.padEnd(20);
}
