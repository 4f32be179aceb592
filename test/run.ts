// Runs every test file in a process of its own, two at a time, each with a deadline, and counts.
// A file that registers no test, hangs or leaves with another status than 0 fails. `node dist/test/run.js [WORD…]`
// runs the files whose path contains one of the words. Last line: `N passed, N failed`, skipped ones named before it.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Longer than the slowest file takes on two busy cores; a hang costs this much once. */
const DEADLINE_MS = 400_000;
/**
 * A software GPU's compiler takes most of the time of its tests: 23 s of a processor for the kernels of a small training step,
 * without optimization and with vectors of four, instead of 60. Its subgroups have four invocations then, not eight.
 */
const SOFTWARE_GPU = { GALLIVM_PERF: "nopt", LP_NATIVE_VECTOR_WIDTH: "128" };

interface Outcome {
  file: string;
  passed: number;
  failed: number;
  skipped: string[];
  seconds: number;
  output: string;
}

const here = dirname(fileURLToPath(import.meta.url));

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith(".test.js") ? [path] : [];
  });
}

/** uvu prints `  Total: 3`, `  Passed: 3`, `  Skipped: 0`; a file may print `skipped: REASON` lines of its own. */
function count(output: string, label: string): number {
  return Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, "m").exec(output)?.[1] ?? 0);
}

function runFile(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const start = performance.now();
    const environment = { ...SOFTWARE_GPU, ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" };
    const child = spawn(process.execPath, ["--enable-source-maps", file], {
      env: environment,
      detached: true,
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    let late = false;
    const stop = () => {
      late = true;
      try {
        process.kill(-(child.pid as number), "SIGKILL");
      } catch {
        child.kill("SIGKILL");
      }
    };
    const timer = setTimeout(stop, DEADLINE_MS);
    child.on("close", (status) => {
      clearTimeout(timer);
      const passed = count(output, "Passed");
      const total = count(output, "Total");
      const skips = count(output, "Skipped");
      const skipped = [...output.matchAll(/^skipped: (.*)$/gm)].map((match) => match[1] as string);
      let failed = Math.max(0, total - passed - skips);
      if (late) output += `\nno end after ${DEADLINE_MS / 1000} s: something was left open\n`;
      if (status !== 0 && failed === 0) failed = 1;
      if (total === 0 && skipped.length === 0) {
        failed = 1;
        output += "\nno test was registered: is test.run() missing?\n";
      }
      const seconds = (performance.now() - start) / 1000;
      resolve({ file: relative(here, file), passed, failed, skipped, seconds, output });
    });
  });
}

const words = process.argv.slice(2);
const files = testFiles(here)
  .filter((file) => words.length === 0 || words.some((word) => relative(here, file).includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${words.join(" ")}`);
  process.exit(1);
}

const outcomes: Outcome[] = [];
const queue = [...files];
async function lane(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const outcome = await runFile(file);
    outcomes.push(outcome);
    const mark = outcome.failed > 0 ? "FAIL" : "ok  ";
    console.log(
      `${mark} ${outcome.file}  ${outcome.passed} passed, ${outcome.failed} failed, ${outcome.seconds.toFixed(1)} s`,
    );
    for (const reason of outcome.skipped) console.log(`     skipped: ${reason}`);
    if (outcome.failed > 0) console.log(outcome.output.trimEnd());
  }
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));

const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
