// Freshness: which steps of the build are up to date. A step is fresh when its tools and options, its input files and
// its output files are what they were after it last ran. Time stamps and sizes are compared first, contents only where
// those differ, so that a `git checkout` rebuilds nothing and an edit within the same second is seen.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const MANIFEST = "dist/.build.json";
const LOCK = "dist/.build.lock";
const LOCK_POLL_MS = 100;
const LOCK_TOUCH_MS = 1000;
/** Ten missed touches: a process that lives does not pause for so long, even on a busy machine. */
const LOCK_SILENCE_MS = 10_000;

const digest = (bytes) => createHash("sha1").update(bytes).digest("base64");

/** [modification time in ms, bytes, digest of the contents]; null for a file that is not there. */
function fingerprint(root, path, known) {
  const file = `${root}/${path}`; // join() costs as much as the stat
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) return null;
  if (known && known[0] === stat.mtimeMs && known[1] === stat.size) return known;
  return [stat.mtimeMs, stat.size, digest(readFileSync(file))];
}

export const fingerprints = (root, paths) =>
  Object.fromEntries([...paths].sort().map((path) => [path, fingerprint(root, path)]));

export class Manifest {
  #root;
  #steps;

  constructor(root) {
    this.#root = root;
    try {
      this.#steps = JSON.parse(readFileSync(join(root, MANIFEST), "utf8"));
    } catch {
      this.#steps = {};
    }
  }

  /**
   * Why a step must run, or undefined where it is fresh. `key`: its tools and options. `sources`: the files that exist
   * now for it; inputs that it found by following imports are compared as recorded.
   */
  staleness(name, key, sources) {
    const step = this.#steps[name];
    if (!step) return { reason: "never built", outputsIntact: false };
    const outputsIntact = !this.#changed(step.outputs);
    if (!outputsIntact) return { reason: "an output changed", outputsIntact };
    if (step.key !== key) return { reason: "its tools or options changed", outputsIntact };
    if (step.sources.join("\n") !== sources.join("\n"))
      return { reason: "a source was added or removed", outputsIntact };
    if (this.#changed(step.inputs)) return { reason: "a source changed", outputsIntact };
    return step.failed ? { reason: "it failed last time", outputsIntact } : undefined;
  }

  #changed(prints) {
    return Object.entries(prints).some(([path, known]) => {
      const now = fingerprint(this.#root, path, known);
      prints[path] = now;
      return now?.[2] !== known?.[2];
    });
  }

  /** `inputs`: fingerprints taken before the step ran, so that an edit during the build counts as one after it. */
  record(name, { key, sources, inputs, outputs, failed }) {
    this.#steps[name] = { key, sources, inputs, outputs: fingerprints(this.#root, outputs), failed };
    this.#save();
  }

  /** Outputs that were removed because their source is gone. */
  forgetOutputs(paths) {
    for (const { outputs } of Object.values(this.#steps)) for (const path of paths) delete outputs[path];
    this.#save();
  }

  #save() {
    const path = join(this.#root, MANIFEST);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, JSON.stringify(this.#steps));
    renameSync(`${path}.new`, path);
  }
}

/** True where the process that wrote the lock has ended. */
function isAbandoned(path) {
  try {
    const holder = Number(readFileSync(path, "utf8"));
    if (holder > 0) process.kill(holder, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/**
 * Waits until the lock may be taken. The holder touches it every second; one that is no longer touched belongs to a
 * process that was killed, even where another process has its number by now (in a container numbers recur).
 */
async function waitForLock(path) {
  const stampOf = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  let stamp = stampOf();
  let seen = performance.now();
  for (let told = false; stamp !== undefined; stamp = stampOf()) {
    if (isAbandoned(path) || performance.now() - seen > LOCK_SILENCE_MS) return rmSync(path, { force: true });
    await sleep(LOCK_POLL_MS);
    if (stampOf() !== stamp) seen = performance.now();
    if (!told) console.error("waiting for another build of this checkout");
    told = true;
  }
}

/** Runs `work` while no other process builds in this checkout. */
export async function exclusively(root, work) {
  const path = join(root, LOCK);
  const own = String(process.pid);
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, own, { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      await waitForLock(path);
    }
  }
  const isOwn = () => existsSync(path) && readFileSync(path, "utf8") === own;
  const touching = setInterval(() => {
    if (isOwn()) writeFileSync(path, own);
  }, LOCK_TOUCH_MS);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    if (isOwn()) rmSync(path, { force: true });
  }
}
