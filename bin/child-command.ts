// Child command: another subcommand of vitrine in a process of its own, tied to this one's life.

import { type ChildProcess, spawn } from "node:child_process";
import { VitrineError } from "../runtime/errors.js";

/** The script of the running command: dist/bin/vitrine.js, wherever it was started from. */
function ownScript(): string {
  return process.argv[1] as string;
}

export interface ChildCommand {
  process: ChildProcess;
  /** Exit status; a signal counts as 1. */
  ended: Promise<number>;
  stop(): Promise<void>;
}

/** Starts `vitrine ARGUMENTS`; `onLine` sees each line of its standard output, otherwise output is shared. */
export function startCommand(args: readonly string[], onLine?: (line: string) => void): ChildCommand {
  const child = spawn(process.execPath, [ownScript(), ...args], {
    stdio: ["ignore", onLine ? "pipe" : "inherit", "inherit"],
  });
  const ended = new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? 1)));
  const kill = (): boolean => child.kill("SIGTERM");
  process.once("exit", kill);
  void ended.then(() => process.off("exit", kill));
  if (onLine && child.stdout) {
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    });
  }
  const stop = async (): Promise<void> => {
    kill();
    await ended;
  };
  return { process: child, ended, stop };
}

const LISTENING = /^listening on (\S+)/;

/** Starts a server command and gives its address once it says `listening on ADDRESS`. */
export async function startServerCommand(
  args: readonly string[],
): Promise<ChildCommand & { address: string }> {
  let announce: (address: string) => void = () => {};
  const announced = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const command = startCommand(args, (line) => {
    const match = LISTENING.exec(line);
    if (match) announce(match[1] as string);
  });
  const address = await Promise.race([announced, command.ended]);
  if (typeof address === "number")
    throw new VitrineError(
      "internal/child",
      `"vitrine ${args.join(" ")}" ended with status ${address} before it listened`,
    );
  return { ...command, address };
}
