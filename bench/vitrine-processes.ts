// Vitrine processes: `vitrine` commands that a bench runs to their end, and data servers of its own. All of them end with
// the bench.

import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Compiled to dist/bench/. */
const VITRINE = fileURLToPath(new URL("../bin/vitrine.js", import.meta.url));

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGTERM");
});

/** `command ARGUMENTS` to its end; resolves with the last line of its standard output. Its messages go to `log`. */
export function runToEnd(
  command: string,
  args: readonly string[],
  log: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    children.add(child);
    let last = "";
    let messages = "";
    createInterface({ input: child.stdout }).on("line", (line) => {
      last = line;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      messages += text;
    });
    child.once("error", reject);
    child.once("close", (status) => {
      children.delete(child);
      writeFileSync(log, messages);
      if (status === 0) return resolve(last);
      const reason = messages.trim().split("\n").at(-1);
      reject(new Error(`${command} ${args.slice(0, 2).join(" ")} ended with status ${status}: ${reason}`));
    });
  });
}

/** `vitrine ARGUMENTS` to its end, as `runToEnd`. */
export function runVitrine(args: readonly string[], log: string): Promise<string> {
  return runToEnd(process.execPath, [VITRINE, ...args], log);
}

export interface ListeningProcess {
  address: string;
  pid: number;
  stop(): void;
}

/** `vitrine ARGUMENTS` until it says where it listens. Its messages go to this process's. */
async function startListening(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ListeningProcess> {
  const child = spawn(process.execPath, [VITRINE, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  children.add(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^listening on (\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return { address, pid: child.pid!, stop: () => void (children.delete(child) && child.kill("SIGTERM")) };
  }
  throw new Error(`vitrine ${args.slice(0, 3).join(" ")} ended before it was listening`);
}

/** A data server of a folder or list: batches depend on no server, so each training may have its own. */
export function startDataServer(data: string): Promise<ListeningProcess> {
  return startListening(["data-server", "--data", data, "--listen", "127.0.0.1:0", "--workers", "1"]);
}

/** A port of HTTP that another server may have, and a line for each request, would disturb a measurement. */
const QUIET = { VITRINE_HTTP: "off", VITRINE_ACCESS_LOG: "0", VITRINE_LOG_LEVEL: "warn" };

/** An inference server of one model by the name `bench`, on the CPU. */
export function startInferenceServer(model: string, args: readonly string[]): Promise<ListeningProcess> {
  const named = ["--model", `bench=${model}`];
  return startListening(["serve", ...named, "--device", "wasm", "--listen", "127.0.0.1:0", ...args], QUIET);
}
