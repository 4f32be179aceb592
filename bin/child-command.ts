// Child command: a subcommand of this program in a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { VitrineError } from "../runtime/errors.js";

export interface ChildCommand {
  process: ChildProcess;
  /** Exit status; a signal counts as 1. */
  ended: Promise<number>;
  stop(): Promise<void>;
}

/** Starts `vitrine ARGUMENTS`. `onLine` gets each line of its standard output, which is inherited otherwise. */
function startCommand(args: readonly string[], onLine?: (line: string) => void): ChildCommand {
  // The script of the running command: dist/bin/vitrine.js, wherever it was started from.
  const child = spawn(process.execPath, [process.argv[1], ...args], {
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

/** Runs `vitrine ARGUMENTS` to its end. Throws `training/failed` where it fails; its own error was printed by then. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const status = await startCommand(args).ended;
  if (status === 0) return;
  throw new VitrineError(
    "training/failed",
    `"vitrine ${args[0]}" exited with status ${status}; see its own error above`,
  );
}

const LISTENING = /^listening on (\S+)/;

/** Starts a server command; resolves once it prints `listening on ADDRESS`. Throws `internal/child`. */
export async function startServerCommand(
  args: readonly string[],
): Promise<ChildCommand & { address: string }> {
  let announce: (address: string) => void = () => {};
  const announced = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const command = startCommand(args, (line) => {
    const match = LISTENING.exec(line);
    if (match) announce(match[1]);
  });
  const address = await Promise.race([announced, command.ended]);
  if (typeof address === "number")
    throw new VitrineError(
      "internal/child",
      `"vitrine ${args[0]}" exited with status ${address} before it was listening; see its own error above`,
    );
  return { ...command, address };
}

/** A port of this machine that is free now, for a command whose address must be known before it starts. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
