// Process figures: CPU time and memory of another process, as Linux counts them.

import { readFileSync, writeFileSync } from "node:fs";

/** Clock ticks of /proc are hundredths of a second on every Linux. */
const TICK_MS = 10;

/** User and system time of all threads, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

/** Resident memory now, and the most since the start or `resetPeak`, in MB. */
export function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1000;
  return { now: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}

/** From here on, `peak` is that of what follows. */
export const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5");

/** Of the last minute, for a report that others can judge by. */
export const machineLoad = (): number => Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
