// Mutation pass: changes one small thing of the compiled product at a time, runs the tests nearest to it, and lists the
// changes that no test notices. Works on copies of dist, never on dist itself. Sampled, so not part of CI.
//
// `npm run mutation -- [--count N] [--seed N] [--minutes N] [--tests N] [--only PATH…] [--skip PATH…]`
//   --count    mutants to draw at random (100)          --seed   of the draw (1)
//   --minutes  stop after that long (10)                --tests  at most so many test files for a mutant (10)
//   --only     product files whose path starts so       --skip   product files whose path starts so (none)
// A survivor is either a missing test or an equivalent change; a reader decides.

import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { SourceMap } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { findMutants, type Mutant } from "./mutants.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "10" },
    tests: { type: "string", default: "10" },
    only: { type: "string", multiple: true, default: ["runtime/", "trainer/", "server/"] },
    skip: { type: "string", multiple: true, default: [] },
  },
});

/** A test that hangs on a mutant has noticed it. */
const TIME_FACTOR = 4;
const TIME_EXTRA_MS = 5_000;
const BASELINE_LIMIT_MS = 200_000;

interface ImportReader {
  listSources(root: string, folder: string): string[];
  readImports(root: string, path: string): string[];
}
const reader: ImportReader = await import(pathToFileURL(join(root, "scripts/source-imports.mjs")).href);

const FOLDERS = ["assembly", "proto", "runtime", "server", "client", "trainer", "bin", "test"];
const paths = FOLDERS.flatMap((folder) => reader.listSources(root, folder));
const known = new Set(paths);

/** Files started by name (`bin/vitrine.js`, a worker's script) count as imported. */
function startedFiles(path: string): string[] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(/["'`]([\w./-]+)\.js["'`]/g)]
    .map(([, name]) => `${name.replace(/^(\.\.?\/)+/, "")}.ts`)
    .flatMap((name) => [name, posix.join(posix.dirname(path), name)]);
}

const imports = new Map<string, string[]>();
for (const path of paths) {
  const started = startedFiles(path).filter((target) => known.has(target));
  imports.set(path, [
    ...reader.readImports(root, path).filter((target) => known.has(target)),
    ...started.map((target) => `start ${target}`),
  ]);
  // A process of its own is two steps farther than an import: it is slow and tests many things at once.
  for (const target of started) {
    imports.set(`start ${target}`, [`run ${target}`]);
    imports.set(`run ${target}`, [target]);
  }
}

/** Test file → product file → length of the shortest chain of imports. */
const distances = new Map(
  paths
    .filter((path) => path.endsWith(".test.ts") && !path.startsWith("test/layout/"))
    .map((path) => {
      const distance = new Map([[path, 0]]);
      for (const [file, steps] of distance) {
        for (const target of imports.get(file) ?? [])
          if (!distance.has(target)) distance.set(target, steps + 1);
      }
      return [path, distance];
    }),
);

/** Usual seconds of the longer test files. */
const seconds: Record<string, number> = JSON.parse(readFileSync(join(root, "test/seconds.json"), "utf8"));
const secondsOf = (test: string): number => seconds[test.replace("test/", "")] ?? 0;

/** The short ones first: most mutants die in the first few. */
function nearestTests(path: string): string[] {
  return [...distances]
    .flatMap(([test, distance]) =>
      distance.has(path) ? [{ test, steps: distance.get(path) as number }] : [],
    )
    .sort((a, b) => a.steps - b.steps || (a.test < b.test ? -1 : 1))
    .slice(0, Number(values.tests))
    .map(({ test }) => test)
    .sort((a, b) => secondsOf(a) - secondsOf(b));
}

/** mulberry32: enough for a draw that can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Candidate extends Mutant {
  path: string;
}

const compiled = (path: string) => join("dist", path.replace(/\.ts$/, ".js"));

/** Compiled texts as they were at the start, whatever is built meanwhile. */
const texts = new Map<string, string>();
function textOf(path: string): string {
  const text = texts.get(path) ?? readFileSync(join(root, compiled(path)), "utf8");
  texts.set(path, text);
  return text;
}

function drawMutants(): Candidate[] {
  const all: Candidate[] = paths
    .filter((path) => values.only.some((prefix) => path.startsWith(prefix)))
    .filter((path) => !values.skip.some((prefix) => path.startsWith(prefix)))
    .filter((path) => existsSync(join(root, compiled(path))))
    .flatMap((path) => findMutants(textOf(path)).map((mutant) => ({ ...mutant, path })));
  const random = randomNumbers(Number(values.seed));
  const count = Math.min(Number(values.count), all.length);
  console.log(`${count} of ${all.length} mutants, seed ${values.seed}`);
  return Array.from({ length: count }, () => all.splice(Math.floor(random() * all.length), 1)[0]);
}

/** A checkout whose dist is a copy and the rest links. */
function makeCopy(folder: string): string {
  mkdirSync(folder);
  for (const name of readdirSync(root)) {
    if (name === "dist") cpSync(join(root, name), join(folder, name), { recursive: true });
    else if (name !== ".git") symlinkSync(join(root, name), join(folder, name));
  }
  return folder;
}

/** True where the test file passes within the limit. */
function passes(copy: string, test: string, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(copy, compiled(test))], {
      cwd: copy,
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
      env: { ...process.env, NO_COLOR: "1", GALLIVM_PERF: "nopt", LP_NATIVE_VECTOR_WIDTH: "128" },
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    const stop = () => process.kill(-(child.pid as number), "SIGKILL");
    const timer = setTimeout(stop, limitMs);
    child.on("close", (status) => {
      clearTimeout(timer);
      const [total, passed] = ["Total", "Passed"].map((label) =>
        Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, "m").exec(output)?.[1] ?? 0),
      );
      const skipped = /^skipped: /m.test(output);
      resolve(status === 0 && passed === total && (total > 0 || skipped));
    });
  });
}

/** Milliseconds that a test file takes on the unchanged product; undefined where it fails there. */
const baselines = new Map<string, Promise<number | undefined>>();
function baseline(copy: string, test: string): Promise<number | undefined> {
  const measure = async () => {
    const start = performance.now();
    return (await passes(copy, test, BASELINE_LIMIT_MS)) ? performance.now() - start : undefined;
  };
  const known = baselines.get(test) ?? measure();
  baselines.set(test, known);
  return known;
}

/** Line in the TypeScript source. */
function lineOf({ path, start }: Candidate): number {
  const text = textOf(path);
  const before = text.slice(0, start).split("\n");
  const map = new SourceMap(JSON.parse(readFileSync(join(root, `${compiled(path)}.map`), "utf8")));
  const entry = map.findEntry(before.length - 1, (before.at(-1) as string).length);
  return "originalLine" in entry ? entry.originalLine + 1 : before.length;
}

interface Result {
  mutant: Candidate;
  killedBy?: string;
  tried: string[];
}

async function tryMutant(copy: string, mutant: Candidate): Promise<Result> {
  const file = join(copy, compiled(mutant.path));
  const text = textOf(mutant.path);
  const tried: string[] = [];
  for (const test of nearestTests(mutant.path)) {
    const usual = await baseline(copy, test);
    if (usual === undefined) continue;
    tried.push(test);
    writeFileSync(file, text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end));
    const survived = await passes(copy, test, usual * TIME_FACTOR + TIME_EXTRA_MS);
    writeFileSync(file, text);
    if (!survived) return { mutant, killedBy: test, tried };
  }
  return { mutant, tried };
}

function describe({ mutant, killedBy, tried }: Result): string {
  const text = textOf(mutant.path);
  const lineStart = text.lastIndexOf("\n", mutant.start) + 1;
  const before = text.slice(mutant.start, mutant.end).replace(/\s+/g, " ").slice(0, 60);
  const where = `${mutant.path}:${lineOf(mutant)}`;
  const change = `${mutant.operator}: ${before} → ${mutant.replacement.slice(0, 60)}`;
  if (killedBy) return `killed    ${where}  ${change}  (${killedBy})`;
  const code = text.slice(lineStart, text.indexOf("\n", mutant.start)).trim().slice(0, 110);
  return `SURVIVED  ${where}  ${change}\n            ${code}\n            tests: ${tried.join(", ") || "none reaches it"}`;
}

const stopAt = performance.now() + Number(values.minutes) * 60_000;
const queue = drawMutants();
const results: Result[] = [];
const workspace = mkdtempSync(join(tmpdir(), "vitrine-mutation-"));
try {
  const lane = async (_: unknown, index: number) => {
    const copy = makeCopy(join(workspace, String(index)));
    for (let next = queue.shift(); next && performance.now() < stopAt; next = queue.shift()) {
      const result = await tryMutant(copy, next);
      results.push(result);
      console.log(describe(result));
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
const killed = results.filter(({ killedBy }) => killedBy !== undefined).length;
const percent = ((100 * killed) / Math.max(1, results.length)).toFixed(0);
console.log(`${killed} of ${results.length} killed (${percent}%), ${results.length - killed} survived`);
