// Options: flags that several commands share, and parsers for commander that state the value and what is allowed.

import { availableParallelism } from "node:os";
import { Option } from "commander";
import { quote, VitrineError } from "../runtime/errors.js";
import type { Advice } from "../runtime/image/advice.js";
import { DEFAULT_PIXEL_LIMIT } from "../runtime/image/decode.js";
import { LABEL_SOURCES } from "../server/data/shards/shard-samples.js";

interface Bounds {
  min?: number;
  max?: number;
}

function check(flag: string, text: string, value: number, kind: string, { min, max }: Bounds): number {
  const low = min ?? Number.NEGATIVE_INFINITY;
  const high = max ?? Number.POSITIVE_INFINITY;
  if (text.trim() !== "" && Number.isFinite(value) && value >= low && value <= high) return value;
  const range = [min === undefined ? "" : `at least ${min}`, max === undefined ? "" : `at most ${max}`];
  const allowed = [kind, ...range.filter(Boolean)].join(", ");
  throw new VitrineError("usage/number", `${flag} got "${quote(text)}"; allowed: ${allowed}`, {
    details: { flag, got: text },
  });
}

/** `wholeNumber("--workers", {min: 0})` → a commander parser. Throws `usage/number`. */
export function wholeNumber(flag: string, bounds: Bounds = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    return check(flag, text, Number.isInteger(value) ? value : Number.NaN, "a whole number", bounds);
  };
}

/** As `wholeNumber`, for any number. */
export function decimalNumber(flag: string, bounds: Bounds = {}): (text: string) => number {
  return (text) => check(flag, text, Number(text), "a number", bounds);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `512MiB`, `4G`, `1000000` → bytes; units are powers of 1,024. Throws `usage/number`. */
export function byteCount(flag: string): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
    const bytes = digits === undefined ? Number.NaN : Math.floor(Number(digits) * UNITS[unit.toUpperCase()]);
    return check(flag, text, bytes, "a size such as 512MiB or 4GiB", { min: 1 });
  };
}

/** `LOW,HIGH`. Throws `usage/number`. */
export function numberPair(flag: string): (text: string) => [number, number] {
  const read = decimalNumber(flag, { min: 0 });
  return (text) => {
    const [low, high, ...more] = text.split(",");
    if (low === undefined || high === undefined || more.length > 0)
      throw new VitrineError("usage/number", `${flag} got "${quote(text)}"; allowed: two numbers, LOW,HIGH`);
    return [read(low), read(high)];
  };
}

export function dataOption(): Option {
  return new Option(
    "--data <path>",
    'folder with one folder of pictures per class, a CSV list with the header "path,label", tar shards, an index, or the URL of one (https://, s3://, gs://)',
  ).makeOptionMandatory();
}

/** Throws `usage/command-line` unless one of --data and --data-server was given. */
export function requireOneSource(
  { data, dataServer }: { data?: string | undefined; dataServer?: string | undefined },
  command: string,
): void {
  if ((data === undefined) !== (dataServer === undefined)) return;
  throw new VitrineError(
    "usage/command-line",
    `give one of --data and --data-server: where the images are (see "vitrine ${command} --help")`,
  );
}

/** Where the labels of tar shards are. Without it an index beside them is taken. */
export function labelFromOption(): Option {
  return new Option(
    "--label-from <what>",
    "labels of tar shards: .cls or .json entries, first folders, or what the first picture has",
  ).choices(LABEL_SOURCES);
}

/** A machine with two cores gives one to the decoder and one to the trainer. */
function defaultWorkers(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}

export function workersOption(): Option {
  return new Option("--workers <n>", "decode threads; 0 decodes in the main thread")
    .default(defaultWorkers(), "half of the cores")
    .argParser(wholeNumber("--workers", { min: 0, max: 256 }));
}

/** A picture's RGB bytes must fit into 2 GiB. */
const MOST_PIXELS = 715_827_882;

/** `larger` says what happens to a picture of more pixels. */
export function maxPixelsOption(larger = "a larger one is a bad sample"): Option {
  return new Option(
    "--max-pixels <n>",
    `largest number of pixels that a picture's header may claim; ${larger}`,
  )
    .default(DEFAULT_PIXEL_LIMIT, "178956970, Pillow's")
    .argParser(wholeNumber("--max-pixels", { min: 1, max: MOST_PIXELS }));
}

/** Advice of errors about a picture, for a command that has the flag. */
export const MAX_PIXELS_ADVICE: Advice = { pixelLimit: "--max-pixels allows more" };

/** Values of --bad-samples. */
export const BAD_SAMPLES = ["fail", "skip", "partial"] as const;

export function badSamplesOption(): Option {
  return new Option(
    "--bad-samples <policy>",
    "a file that cannot be decoded: stop with an error, leave it out, or use the rows that it still has",
  )
    .choices(BAD_SAMPLES)
    .default("fail");
}
