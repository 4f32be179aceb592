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

/** True while the process that wrote the lock lives; a lock without a readable number is just being written. */
function isHeld(path) {
  try {
    process.kill(Number(readFileSync(path, "utf8")), 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Runs `work` while no other process builds in this checkout. */
export async function exclusively(root, work) {
  const path = join(root, LOCK);
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      await sleep(LOCK_POLL_MS);
      if (existsSync(path) && !isHeld(path)) rmSync(path, { force: true });
    }
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
