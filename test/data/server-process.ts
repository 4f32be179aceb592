// A data server as a user starts it: the real command line in a separate process.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Compiled to dist/test/data/. */
export const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));

export interface ServerProcess {
  address: string;
  process: ChildProcess;
  /** Everything written to standard output so far. */
  output(): string;
  /** Everything written to standard error so far. */
  errors(): string;
  /** Sends the signal and returns the exit status, or the signal's name if that killed it. */
  stop(signal: NodeJS.Signals): Promise<number | string>;
}

const running = new Set<ServerProcess>();

/** Call at the end of each test: kills servers that a failed test left running. */
export async function killServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.stop("SIGKILL")));
}

/** Resolves when the server reports that it listens; rejects if it exits first. */
export async function startServer(data: string, ...flags: string[]): Promise<ServerProcess> {
  const args = ["data-server", "--data", data, "--listen", "127.0.0.1:0", "--workers", "1", ...flags];
  const child = spawn(process.execPath, [VITRINE, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = once(child, "close").then(([status, signal]) => (status ?? signal) as number | string);
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const said = /^listening on (\S+)$/m.exec(output);
      if (said) resolve(said[1] as string);
    });
    void ended.then((status) => reject(new Error(`it ended with ${status}: ${errors}`)));
  });
  const server: ServerProcess = {
    address,
    process: child,
    output: () => output,
    errors: () => errors,
    async stop(signal) {
      child.kill(signal);
      const status = await ended;
      running.delete(server);
      return status;
    },
  };
  running.add(server);
  return server;
}

/** Runs `vitrine ARGUMENTS` to completion. */
export async function runVitrine(
  args: readonly string[],
  node = [process.execPath],
  cwd = process.cwd(),
  env = process.env,
): Promise<{ status: number | null; output: string; errors: string }> {
  const [command, ...before] = node as [string, ...string[]];
  const child = spawn(command, [...before, VITRINE, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const [status] = await once(child, "close");
  return { status, output, errors };
}
