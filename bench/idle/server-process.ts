// Server process: a command of Vitrine in a process of its own whose processor time can be asked for.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
const METER = new URL("./meter.js", import.meta.url).href;

export interface ServerProcess {
  address: string;
  /** User and system time so far. */
  processorSeconds(): Promise<number>;
  stop(): Promise<void>;
}

async function addressOf(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    const said = /^listening on (\S+)$/m.exec(output);
    if (said) return said[1] as string;
  }
  throw new Error(`bench: "vitrine ${child.spawnargs.slice(3).join(" ")}" ended before it listened`);
}

export async function startServer(args: readonly string[]): Promise<ServerProcess> {
  const child = fork(VITRINE, [...args], {
    execArgv: ["--import", METER],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.on("data", (text) => {
    errors += String(text);
  });
  const address = await addressOf(child).catch((error: Error) => {
    throw new Error(`${error.message}: ${errors}`);
  });
  return {
    address,
    processorSeconds: async () => {
      const answer = once(child, "message");
      child.send("cpu");
      const [{ microseconds }] = (await answer) as [{ microseconds: number }];
      return microseconds / 1e6;
    },
    stop: async () => {
      const gone = once(child, "close");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
