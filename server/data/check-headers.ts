// Check headers: finds files of a data set that cannot be images before hours are spent on the way to them.

import { counted } from "../../runtime/batches/class-counts.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { VitrineError } from "../../runtime/errors.js";
import { checkSamples } from "./check-samples.js";
import type { DecodePool } from "./decode-task.js";
import type { LocatedSamples } from "./sample-location.js";

export interface HeaderCheck {
  badSamples: BadSamples;
  pixelLimit?: number | undefined;
  /** The check ends after this time; files that it did not reach are checked when they are read. */
  seconds: number;
  signal: AbortSignal;
  /** Receives a sentence where the time did not suffice. */
  onNotice(text: string): void;
  /** Called for each bad file, except with `fail`. */
  onSkipped(error: VitrineError): void;
}

export interface CheckedHeaders {
  checked: number;
  bad: number;
}

/**
 * Reads the headers of all files. With `fail`, throws the first bad file's error, with the number of all of them. A
 * file that is damaged behind its header is not found.
 */
export async function checkHeaders(
  pool: DecodePool,
  samples: LocatedSamples,
  { badSamples, pixelLimit, seconds, signal, onNotice, onSkipped }: HeaderCheck,
): Promise<CheckedHeaders> {
  const { count } = samples;
  const deadline = performance.now() + 1000 * seconds;
  const bad: VitrineError[] = [];
  const checked = await checkSamples(pool, samples, {
    whole: false,
    pixelLimit,
    goesOn: () => !signal.aborted && performance.now() < deadline,
    onFault: (_, error) => void bad.push(error),
  });
  if (checked < count && !signal.aborted)
    onNotice(
      `the headers of ${checked} of ${count} files were checked in ${seconds} s; the others are checked when ` +
        "they are read",
    );
  const [first] = bad;
  if (first && badSamples === "fail")
    throw new VitrineError(
      first.code,
      `${first.message} (${counted(bad.length, "file", "files")} of ${count} cannot be read: repair or remove ` +
        `${bad.length === 1 ? "it" : "them"}, or leave ${bad.length === 1 ? "it" : "them"} out with --bad-samples skip)`,
      { details: { ...first.details, bad: bad.length }, cause: first },
    );
  for (const error of bad) onSkipped(error);
  return { checked, bad: bad.length };
}
