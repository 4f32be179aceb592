// Run command: `vitrine …` as a separate process, as users start it.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));

export interface RunningCommand {
  child: ChildProcess;
  output(): { stdout: string; stderr: string };
  /** Exit status, or the signal's name. */
  ended: Promise<number | string>;
}

export function runCommand(...args: string[]): RunningCommand {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (text.stdout += chunk));
  child.stderr.on("data", (chunk) => (text.stderr += chunk));
  const ended = new Promise<number | string>((resolve) =>
    child.once("close", (status, signal) => resolve(status ?? signal ?? "gone")),
  );
  return { child, ended, output: () => text };
}

/** Resolves with ADDRESS of `listening on ADDRESS`; rejects with all output if the command exits first. */
export function addressOf({ child, ended, output }: RunningCommand): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = /^listening on (\S+)$/m.exec(output().stdout);
      if (match) resolve(match[1] as string);
    };
    child.stdout?.on("data", look);
    look();
    void ended.then((status) => reject(new Error(`ended with ${status}: ${JSON.stringify(output())}`)));
  });
}
