// Contestants: how each peer's child process is started.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ContestantOptions } from "./contest.js";

/** A compiled module of the bench; `path` from dist/bench. */
export function nodeContestant(name: string, path: string, ...args: (string | number)[]): ContestantOptions {
  const script = fileURLToPath(new URL(`../${path}`, import.meta.url));
  return { name, command: process.execPath, args: [script, ...args.map(String)] };
}

/** Where Debian's python3-torch is; the first python3 of the PATH may be another. */
const DEBIAN_PYTHON = "/usr/bin/python3";

export function torchContestant(name: string, mode: "forward" | "train", ...args: (string | number)[]) {
  const script = fileURLToPath(new URL("../../../bench/peers/deit_torch.py", import.meta.url));
  const command = existsSync(DEBIAN_PYTHON) ? DEBIAN_PYTHON : "python3";
  // OpenMP's threads of an idle contestant must not spin while another one runs.
  const env = { OMP_WAIT_POLICY: "PASSIVE", OPENBLAS_NUM_THREADS: String(args.at(-1)) };
  return { name, command, args: [script, mode, ...args.map(String)], env };
}
