// Fuzz: damages files of a corpus repeatedly and probes how the image module handles them.
// `npm run fuzz -- image --seconds N [--corpus DIR] [--seed S] [--keep DIR]`, `pictures` for files of all other formats,
// `http` for requests of the inference server, and `requests` for its gRPC messages; exit status 1 where a promise breaks.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import { generator, mutate } from "./mutate.js";
import { probe } from "./probe.js";
import { startHttpProbe } from "./probe-http.js";
import { probePicture } from "./probe-pictures.js";
import { probeRequest, requests } from "./probe-requests.js";
import { probeTransforms } from "./probe-transforms.js";
import { startWatchdog } from "./watchdog.js";

const fixturesOf = (folder: string) =>
  fileURLToPath(new URL(`../../../test/fixtures/${folder}/`, import.meta.url));
const JPEG = /\.jpe?g$/i;
const OTHERS = /\.(png|webp|gif|bmp|tiff?|avif|ppm|pgm)$/i;
/** Larger files make fewer rounds without finding more. */
const LARGEST_FILE = 200_000;
/** More failures than this are repetitions of the same one. */
const MOST_FAILURES = 20;

interface Options {
  seconds: number;
  corpus: string;
  seed: number;
  keep: string;
}

function readCorpus(folder: string, wanted: RegExp): Uint8Array[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch (cause) {
    throw new VitrineError("file/not-found", `${folder}: no such folder (--corpus)`, { cause });
  }
  const files = names
    .filter((name) => wanted.test(name))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(folder, name))))
    .filter((bytes) => bytes.length > 0 && bytes.length <= LARGEST_FILE);
  if (files.length === 0)
    throw new VitrineError(
      "file/not-found",
      `${folder}: no file of the wanted kind of up to ${LARGEST_FILE} bytes (--corpus)`,
    );
  return files;
}

/** Probes one file; throws where a promise breaks. */
type Probe = (module: ImageModule, file: Uint8Array, next: () => number) => string | Promise<string>;

function probeJpeg(module: ImageModule, file: Uint8Array, next: () => number): string {
  const outcome = probe(module, file, next);
  if (outcome === "decoded") probeTransforms(module, file, next);
  return outcome;
}

/** One round: makes a damaged input, tells the watchdog, and says what became of it; throws where a promise breaks. */
type Round = (next: () => number, sending: (input: Uint8Array) => void) => string | Promise<string>;

async function fuzz({ seconds, seed, keep }: Options, ending: string, round: Round): Promise<void> {
  const next = generator(seed);
  const outcomes: Record<string, number> = {};
  const failures: { round: number; reason: string; file: string }[] = [];
  const watchdog = startWatchdog({ capacity: 2 * LARGEST_FILE, keep, seed });
  const end = performance.now() + seconds * 1000;
  let rounds = 0;
  for (; performance.now() < end && failures.length < MOST_FAILURES; rounds++) {
    let input: Uint8Array = new Uint8Array();
    try {
      const outcome = await round(next, (sent) => {
        input = sent;
        watchdog.begin(rounds, sent);
      });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      const path = join(keep, `seed-${seed}-round-${rounds}${ending}`);
      mkdirSync(keep, { recursive: true });
      writeFileSync(path, input);
      failures.push({
        round: rounds,
        reason: error instanceof Error ? error.message : String(error),
        file: path,
      });
    }
  }
  await watchdog.stop();
  console.log(JSON.stringify({ rounds, seed, outcomes, failures }));
  if (failures.length > 0 || rounds === 0) process.exitCode = 1;
}

async function fuzzFiles(options: Options, wanted: RegExp, check: Probe): Promise<void> {
  const module = await createImageModule(nodeHost());
  const files = readCorpus(options.corpus, wanted);
  await fuzz(options, wanted === JPEG ? ".jpg" : "", (next, sending) => {
    const file = mutate(files[next() % files.length] as Uint8Array, next);
    sending(file);
    return check(module, file, next);
  });
}

async function fuzzHttp(options: Options): Promise<void> {
  const http = await startHttpProbe();
  await fuzz(options, ".http", http.probe);
  await http.close();
}

async function fuzzRequests(options: Options): Promise<void> {
  const whole = requests();
  await fuzz(options, ".request", (next, sending) => {
    const message = mutate(whole[next() % whole.length] as Uint8Array, next);
    sending(message);
    return probeRequest(message);
  });
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("a number above 0");
}

const program = new Command("fuzz");
function fuzzCommand(name: string, what: string): Command {
  return program
    .command(name)
    .description(what)
    .option("--seconds <n>", "how long", positive, 20)
    .option(
      "--seed <n>",
      "seed of the generator; the same seed makes the same files",
      positive,
      Date.now() & 0x7fff_ffff,
    )
    .option("--keep <folder>", "where files that break a promise are kept", "fuzz-findings");
}

fuzzCommand("image", "damage JPEG files and check that decoder and transforms keep their promises")
  .option("--corpus <folder>", "files to damage", fixturesOf("jpeg"))
  .action((options: Options) => fuzzFiles(options, JPEG, probeJpeg));
fuzzCommand(
  "pictures",
  "damage PNG, WebP, GIF, BMP, TIFF, AVIF and PPM files and check that their decoders keep their promises",
)
  .option("--corpus <folder>", "files to damage", fixturesOf("pictures"))
  .action((options: Options) => fuzzFiles(options, OTHERS, probePicture));
fuzzCommand(
  "http",
  "damage requests of the inference server and check that each is answered or refused for what it is",
).action(fuzzHttp);

fuzzCommand(
  "requests",
  "damage ModelInfer messages and check that each is answered or refused for what it is",
).action(fuzzRequests);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  console.error(isVitrineError(error) ? `${error.code}: ${error.message}` : String(error));
  process.exitCode = 1;
}
