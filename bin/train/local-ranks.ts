// Local ranks: further processes of a run on this machine, which rank 0's starts, and starts again where they end early.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A rank that ends again and again has a reason of its own. */
const MOST_RESTARTS = 3;
/** Statuses of a rank that Ctrl-C or SIGTERM has stopped. */
const STOPPED = new Set<number | null>([130, 143]);
/** How long a rank may take to end once it was asked to. */
const GRACE_MS = 10_000;

export interface LocalRanks {
  /** Asks all of them to end, and waits until they have. */
  stop(): Promise<void>;
}

/** Flags that belong to the process which keeps the run. */
const NOT_FOR_OTHERS = new Set(["--resume", "--resume-if-any", "--json", "--no-report", "--accept-data"]);
/** The same with a value, which `--processes` and the place of a rank have as well. */
const REPLACED =
  /^--(processes|rank|world|master|threads|dashboard|keep-best|ranks-listen|ranks-advertise)(=|$)/;

/** The arguments of this command without those that another rank must not have. */
export function argumentsOfOthers(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (NOT_FOR_OTHERS.has(arg)) continue;
    if (!REPLACED.test(arg)) {
      kept.push(arg);
      continue;
    }
    // `--dashboard` alone has no value.
    const hasValue = !arg.includes("=") && (arg !== "--dashboard" || /^[^-]/.test(args[at + 1] ?? "-"));
    if (hasValue) at++;
  }
  return kept;
}

export interface LocalRanksOptions {
  first: number;
  count: number;
  argsOf(rank: number): string[];
  /** Of the run: a terminal's Ctrl-C reaches every rank. */
  interruption: AbortSignal;
}

/** Starts ranks `first` … `first + count − 1`; `argsOf` gives the arguments of each. `say` gets what they write. */
export function startLocalRanks(
  { first, count, argsOf, interruption }: LocalRanksOptions,
  say: (line: string) => void,
): LocalRanks {
  const running = new Set<ChildProcess>();
  let stopping = false;
  const isStopping = () => stopping || interruption.aborted;
  const start = (rank: number, restarts: number): void => {
    const script = [...process.execArgv, process.argv[1]];
    const child = spawn(process.execPath, [...script, ...argsOf(rank)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    running.add(child);
    let rest = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "" && !isStopping()) say(`rank ${rank}: ${line}`);
    });
    child.once("close", (status, signal) => {
      running.delete(child);
      if (isStopping() || status === 0) return;
      if (STOPPED.has(status)) return say(`rank ${rank} was stopped: the others go on without it`);
      const how = signal === null ? `with status ${status}` : `by ${signal}`;
      const again = restarts < MOST_RESTARTS;
      say(
        `rank ${rank} ended ${how}${again ? ": starting it again" : `, ${MOST_RESTARTS + 1} times: it is left out`}`,
      );
      if (again) start(rank, restarts + 1);
    });
  };
  for (let rank = first; rank < first + count; rank++) start(rank, 0);
  const kill = () => {
    for (const child of running) child.kill("SIGKILL");
  };
  process.once("exit", kill);
  return {
    stop: async () => {
      stopping = true;
      const ended = [...running].map((child) => once(child, "close"));
      for (const child of running) child.kill("SIGTERM");
      const timer = setTimeout(kill, GRACE_MS);
      await Promise.all(ended);
      clearTimeout(timer);
      process.off("exit", kill);
    },
  };
}
