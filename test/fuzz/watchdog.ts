// Watchdog: a thread that monitors the probing of files. A decoder that never returns cannot report itself; the
// watchdog saves the file being probed, reports it and ends the process.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const CHECK_EVERY_MS = 1000;
/**
 * Checks that may find the same file: a probe decodes it five times, and another process may use the core. Checks, not
 * time, are counted: a process that was suspended for a while has not hung.
 */
const CHECK_LIMIT = 30;
const HEADER_BYTES = 8;

interface Shared {
  /** i32 round, i32 length, then the file. */
  memory: SharedArrayBuffer;
  keep: string;
  seed: number;
}

export interface Watchdog {
  /** Call with every file before it is probed. */
  begin(round: number, file: Uint8Array): void;
  stop(): Promise<number>;
}

export function startWatchdog({
  capacity,
  ...rest
}: {
  capacity: number;
  keep: string;
  seed: number;
}): Watchdog {
  const memory = new SharedArrayBuffer(HEADER_BYTES + capacity);
  const [words, bytes] = [new Int32Array(memory, 0, 2), new Uint8Array(memory, HEADER_BYTES)];
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { memory, ...rest } });
  return {
    begin(round, file) {
      bytes.set(file.subarray(0, capacity));
      Atomics.store(words, 1, Math.min(file.length, capacity));
      Atomics.store(words, 0, round);
    },
    stop: () => worker.terminate(),
  };
}

function watch({ memory, keep, seed }: Shared): void {
  const words = new Int32Array(memory, 0, 2);
  let round = -1;
  let checks = 0;
  setInterval(() => {
    const now = Atomics.load(words, 0);
    if (now !== round) {
      round = now;
      checks = 0;
    } else if (++checks > CHECK_LIMIT) {
      const path = join(keep, `seed-${seed}-round-${round}.jpg`);
      mkdirSync(keep, { recursive: true });
      writeFileSync(path, new Uint8Array(memory, HEADER_BYTES, Atomics.load(words, 1)));
      const failures = [
        { round, reason: `no answer in ${(CHECK_LIMIT * CHECK_EVERY_MS) / 1000} s`, file: path },
      ];
      // A busy main thread prints nothing more: to the descriptor itself.
      writeFileSync(1, `${JSON.stringify({ rounds: round, seed, failures })}\n`);
      process.kill(process.pid, "SIGKILL");
    }
  }, CHECK_EVERY_MS);
}

if (!isMainThread) watch(workerData as Shared);
