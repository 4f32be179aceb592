// Bare process: the parent's side of the bare executor.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

export type BareQuestion =
  /** Batches of this many images, one after another. */
  | { batch: number; seconds: number }
  /** Pictures in base64, decoded one after another to the model's input. */
  | { pictures: readonly string[]; seconds: number };

export interface BareAnswer {
  seconds: number;
  /** Milliseconds of each batch or picture. */
  spans: number[];
  cpuMs: number;
}

export interface BareExecutor {
  ask(question: BareQuestion): Promise<BareAnswer>;
  stop(): void;
}

export async function startBareExecutor(folder: string, maxBatch: number): Promise<BareExecutor> {
  const child: ChildProcess = fork(new URL("bare.js", import.meta.url), [folder, String(maxBatch)]);
  const ended = once(child, "exit").then(([status]) => {
    throw new Error(`bench: the bare executor ended with status ${status}`);
  });
  ended.catch(() => {});
  await Promise.race([once(child, "message"), ended]);
  return {
    async ask(question) {
      const message = once(child, "message") as Promise<[BareAnswer]>;
      child.send(question);
      const [answer] = await Promise.race([message, ended]);
      return answer;
    },
    stop: () => void child.kill("SIGKILL"),
  };
}
