// Cores: how many the machine has, how many this process may use, and how many threads `--threads auto` makes of them.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { cgroupCores } from "../../runtime/host/cgroup-cores.js";
import type { Host } from "../../runtime/host/host.js";

export interface CoreFacts {
  /** Logical cores of the machine. */
  logical: number;
  /** Those that the process may be scheduled on. */
  allowed: number;
  /** Whole cores of the control group's quota; null where there is none. */
  quota: number | null;
  /** What is left of all that. */
  budget: number;
  /** Whether threads can share memory. */
  sharedMemory: boolean;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

export function coreFacts(host: Host): CoreFacts {
  const quota = cgroupCores(textOf);
  return {
    logical: cpus().length,
    allowed: availableParallelism(),
    quota: Number.isFinite(quota) ? quota : null,
    budget: host.cores(),
    sharedMemory: host.spawnWorker !== undefined,
  };
}
