// Runs every test file in a process of its own, three at a time, the longest first, each with a deadline, and counts.
// A file that registers no test, hangs or leaves with another status than 0 fails.
//
// `npm test -- [WORD…] [--only NAME] [--fast]`
//   WORD         runs the files whose path contains one of the words
//   --only NAME  runs the tests whose name contains NAME
//   --fast       leaves out what needs a browser or a GPU, and files that usually take longer than 3 s
//   --times      writes test/seconds.json, by which the files are ordered, from this run
// Last line: `N passed, N failed`, skipped ones named before it.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** Longer than the slowest file takes on two busy cores; a hang costs this much once. */
const DEADLINE_MS = 400_000;
/**
 * Compiling shaders takes most of a software GPU's time: 23 s of CPU time for the kernels of a small training step
 * without optimization and with vectors of four, instead of 60. Its subgroups have four invocations then, not eight.
 */
const SOFTWARE_GPU = { GALLIVM_PERF: "nopt", LP_NATIVE_VECTOR_WIDTH: "128" };
/** A Vulkan loader without drivers: the tests that need a GPU say that they are skipped. */
const NO_GPU = { VK_DRIVER_FILES: "/dev/null", VK_ICD_FILENAMES: "/dev/null" };
/** What a file is taken to need that is not in the table of seconds: little, but for one that compiles shaders. */
const UNKNOWN_SECONDS = 2;
const UNKNOWN_GPU_SECONDS = 20;
const FAST_SECONDS = 3;

interface Outcome {
  file: string;
  passed: number;
  failed: number;
  skipped: string[];
  seconds: number;
  output: string;
}

/** Compiled to dist/test/; the list of tests comes from the sources, so that a deleted one does not run. */
const compiled = dirname(fileURLToPath(import.meta.url));
const root = join(compiled, "../..");
const SECONDS = join(root, "test/seconds.json");

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "" },
    fast: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
  },
});

/** Paths from test/, such as `image/resize.test.ts`. */
function testFiles(folder: string): string[] {
  return readdirSync(join(root, "test", folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

const sourceOf = (file: string): string => readFileSync(join(root, "test", file), "utf8");
const needsBrowser = (file: string): boolean => sourceOf(file).includes("/chromium.js");

/** The modules of test/ that `file` imports, such as `nn/compare.ts`. */
function importsOf(file: string): string[] {
  const specifiers = [...sourceOf(file).matchAll(/from "(\.[^"]+)\.js"/g)].map((match) => match[1]);
  const paths = specifiers.map((specifier) => `${posix.join(posix.dirname(file), specifier)}.ts`);
  return paths.filter((path) => !path.startsWith("..") && existsSync(join(root, "test", path)));
}

const GPU_MODULES = ["executors/webgpu-device.ts", "browser/chromium.ts"];
const gpuUsers = new Map<string, boolean>();
/** Whether a file opens a GPU or a browser, itself or through the claims that it imports. */
function needsGpu(file: string): boolean {
  let needs = gpuUsers.get(file);
  if (needs === undefined) {
    needs = GPU_MODULES.includes(file) || importsOf(file).some(needsGpu);
    gpuUsers.set(file, needs);
  }
  return needs;
}

/** uvu prints `  Total: 3`, `  Passed: 3`, `  Skipped: 0`; a file may print `skipped: REASON` lines of its own. */
function count(output: string, label: string): number {
  return Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, "m").exec(output)?.[1] ?? 0);
}

function runFile(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const start = performance.now();
    const script = join(compiled, file.replace(/\.ts$/, ".js"));
    const register = pathToFileURL(join(compiled, "harness/register.js")).href;
    const child = spawn(process.execPath, ["--enable-source-maps", "--import", register, script], {
      env: {
        ...SOFTWARE_GPU,
        ...process.env,
        ...(values.fast ? NO_GPU : {}),
        NO_COLOR: "1",
        FORCE_COLOR: "0",
        VITRINE_TEST_ONLY: values.only,
      },
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
      const skipped = [...output.matchAll(/^skipped: (.*)$/gm)].map((match) => match[1]);
      let failed = Math.max(0, total - passed - skips);
      if (late) output += `\nnot finished after ${DEADLINE_MS / 1000} s: something was left open\n`;
      if (status !== 0 && failed === 0) failed = 1;
      if (total === 0 && failed === 0 && skipped.length === 0 && values.only === "") {
        failed = 1;
        output += "\nno test was registered: is test.run() missing?\n";
      }
      const seconds = (performance.now() - start) / 1000;
      resolve({ file, passed, failed, skipped, seconds, output });
    });
  });
}

const usual: Record<string, number> = existsSync(SECONDS) ? JSON.parse(readFileSync(SECONDS, "utf8")) : {};
const secondsOf = (file: string): number =>
  usual[file] ?? (needsGpu(file) ? UNKNOWN_GPU_SECONDS : UNKNOWN_SECONDS);
/** The table's seconds are those with a GPU: without one, the files that need it take little time. */
const isSlow = (file: string): boolean => !needsGpu(file) && secondsOf(file) > FAST_SECONDS;
const files = testFiles("")
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .filter((file) => !values.fast || (!needsBrowser(file) && !isSlow(file)))
  .sort((a, b) => secondsOf(b) - secondsOf(a) || (a < b ? -1 : 1));
if (files.length === 0) {
  console.error(`no test file matches ${words.join(" ")}`);
  process.exit(1);
}

const outcomes: Outcome[] = [];
/**
 * One process at a time compiles shaders, as far as there is something else to do: the next one then finds them in the
 * driver's cache, where two side by side would compile the same ones twice.
 */
const queues = [files.filter(needsGpu), files.filter((file) => !needsGpu(file))];
async function lane(_: unknown, index: number): Promise<void> {
  const own = index === 0 ? 0 : 1;
  const take = () => queues[own].shift() ?? queues[1 - own].shift();
  for (let file = take(); file !== undefined; file = take()) {
    const outcome = await runFile(file);
    outcomes.push(outcome);
    const { passed, failed, skipped, seconds, output } = outcome;
    if (values.only !== "" && passed + failed + skipped.length === 0) continue;
    const mark = failed > 0 ? "FAIL" : "ok  ";
    console.log(`${mark} ${file}  ${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s`);
    for (const reason of skipped) console.log(`     skipped: ${reason}`);
    if (failed > 0) console.log(output.trimEnd());
  }
}
/** Files wait for processes, pages and deadlines half of their time: three fill two cores. */
await Promise.all(Array.from({ length: Math.min(3, availableParallelism() + 1) }, lane));

if (values.times) {
  const longest = outcomes
    .toSorted((a, b) => b.seconds - a.seconds)
    .map(({ file, seconds }) => [file, Math.round(seconds)] as const)
    .filter(([, seconds]) => seconds > UNKNOWN_SECONDS);
  writeFileSync(SECONDS, `${JSON.stringify(Object.fromEntries(longest), null, 2)}\n`);
}
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
if (passed + failed === 0 && values.only !== "") console.error(`no test's name contains "${values.only}"`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
