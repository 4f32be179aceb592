// Fuzz: damages files of a corpus repeatedly and probes how the image module handles them.
// `npm run fuzz -- image --seconds N [--corpus DIR] [--seed S] [--keep DIR]`; exit status 1 where a promise breaks.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { generator, mutate } from "./mutate.js";
import { probe } from "./probe.js";
import { probeTransforms } from "./probe-transforms.js";
import { startWatchdog } from "./watchdog.js";

const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/jpeg/", import.meta.url));
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

function readCorpus(folder: string): Uint8Array[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch (cause) {
    throw new VitrineError("file/not-found", `${folder}: no such folder (--corpus)`, { cause });
  }
  const files = names
    .filter((name) => /\.jpe?g$/i.test(name))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(folder, name))))
    .filter((bytes) => bytes.length > 0 && bytes.length <= LARGEST_FILE);
  if (files.length === 0)
    throw new VitrineError(
      "file/not-found",
      `${folder}: no .jpg file of up to ${LARGEST_FILE} bytes (--corpus)`,
    );
  return files;
}

async function fuzzImage({ seconds, corpus, seed, keep }: Options): Promise<void> {
  const module = await createImageModule(nodeHost());
  const files = readCorpus(corpus);
  const next = generator(seed);
  const outcomes: Record<string, number> = {};
  const failures: { round: number; reason: string; file: string }[] = [];
  const watchdog = startWatchdog({ capacity: 2 * LARGEST_FILE, keep, seed });
  const end = performance.now() + seconds * 1000;
  let rounds = 0;
  for (; performance.now() < end && failures.length < MOST_FAILURES; rounds++) {
    const file = mutate(files[next() % files.length] as Uint8Array, next);
    watchdog.begin(rounds, file);
    try {
      const outcome = probe(module, file, next);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (outcome === "decoded") probeTransforms(module, file, next);
    } catch (error) {
      const path = join(keep, `seed-${seed}-round-${rounds}.jpg`);
      mkdirSync(keep, { recursive: true });
      writeFileSync(path, file);
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

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("a number above 0");
}

const program = new Command("fuzz");
program
  .command("image")
  .description("damage JPEG files and check that decoder and transforms keep their promises")
  .option("--seconds <n>", "how long", positive, 20)
  .option("--corpus <folder>", "files to damage", FIXTURES)
  .option(
    "--seed <n>",
    "seed of the generator; the same seed makes the same files",
    positive,
    Date.now() & 0x7fff_ffff,
  )
  .option("--keep <folder>", "where files that break a promise are kept", "fuzz-findings")
  .action(fuzzImage);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  console.error(isVitrineError(error) ? `${error.code}: ${error.message}` : String(error));
  process.exitCode = 1;
}
