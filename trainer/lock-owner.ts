// Lock owner: the process that writes a run, as its lock names it, and whether it still runs.

import { readFileSync } from "node:fs";
import { hostname, uptime } from "node:os";
import { quote, VitrineError } from "../runtime/errors.js";

/** An owner on another machine that does not touch its lock for this long has ended. */
export const SILENCE_MS = 30_000;
/** Bytes of a lock: some numbers and the name of a machine. */
export const LARGEST_LOCK = 4096;

/** What a lock holds. */
export interface Owner {
  pid: number;
  host: string;
  /** When it took the lock, ISO 8601. */
  started: string;
  /** Tells the process from a later one with the same number, where the system has such a thing. */
  birth: string | null;
}

/** Linux: the fields of /proc/PID/stat behind the name, the state first; null elsewhere. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may itself contain blanks and parentheses.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

/** Linux: when the process started, in ticks since a boot that has an identifier. */
function birthOf(pid: number): string | null {
  try {
    const ticks = statOf(pid)?.[19];
    if (ticks === undefined) return null;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${ticks}`;
  } catch {
    return null;
  }
}

/** A process that ended stays listed until its parent asks for it, which in a container without init may be never. */
const ENDED = ["Z", "X"];

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as another user.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Whether a process of this machine still is the owner. */
export function isAlive({ pid, birth, started }: Owner): boolean {
  if (!isRunning(pid) || ENDED.includes(statOf(pid)?.[0] ?? "")) return false;
  if (birth !== null) return birth === birthOf(pid);
  // Without a birth, at least a restart of the machine ends every process; clocks are allowed a minute.
  return Date.parse(started) > Date.now() - 1000 * uptime() - 60_000;
}

function isOwner(value: Partial<Owner>): value is Owner {
  const { pid, host, started, birth } = value;
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || typeof host !== "string") return false;
  return typeof started === "string" && (birth === null || typeof birth === "string");
}

/** This process. */
export function thisOwner(): Owner {
  const { pid } = process;
  return { pid, host: hostname(), started: new Date().toISOString(), birth: birthOf(pid) };
}

/** The owner that a lock names; null where it names none. */
export function readOwner(bytes: Uint8Array): Owner | null {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Owner> | null;
    return value !== null && isOwner(value) ? value : null;
  } catch {
    return null;
  }
}

/** Before a long wait. `lock`: its path or URL. */
export function watchNotice(lock: string, { pid, host }: Owner, silenceMs: number): string {
  return (
    `${quote(lock)} is held by process ${pid} on ${quote(host)}: watching for ${Math.round(silenceMs / 1000)} s ` +
    "whether it still runs"
  );
}

/** `usage/run-in-use`. */
export function refused(folder: string, owner: Owner | null): VitrineError {
  const who = owner
    ? `process ${owner.pid} on ${quote(owner.host)} since ${quote(owner.started)}`
    : "another process";
  return new VitrineError(
    "usage/run-in-use",
    `${quote(folder)}: another trainer writes this run (${who}): wait for it or stop it, or give another --out`,
    { details: { folder, pid: owner?.pid, host: owner?.host } },
  );
}
