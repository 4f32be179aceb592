// A server of the data service's limits, a process of its own: the data bench's, with an answer about its memory.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

const SCRIPT = new URL("../data/wire-server.js", import.meta.url);

export interface ServerLoad {
  /** `decode`: a data server; `replay`: one whose batches cost nothing but filling memory. */
  kind: "decode" | "replay";
  /** A data set of at least `images` pictures. */
  data: string;
  images: number;
  /** Side of an image in pixels. */
  size: number;
  /** --memory, in bytes. Default: the server's. */
  memory?: number;
}

export interface ServerMemory {
  /** Bytes. */
  resident: number;
  /** Bytes reserved for streams, and kept for others. */
  counted: number;
}

export interface LimitsServer {
  address: string;
  memory(): Promise<ServerMemory>;
  stop(): void;
}

/** A process that runs a script of the bench until it is stopped. */
export function start(script: URL, words: readonly string[]): ChildProcess {
  return fork(script, [...words]);
}

/** With one decode thread. */
export async function startServer({ kind, data, images, size, memory }: ServerLoad): Promise<LimitsServer> {
  const words = [kind, data, `${images}`, `${size}`, "1", ...(memory === undefined ? [] : [`${memory}`])];
  const child = start(SCRIPT, words);
  const ended = once(child, "exit").then(([status]) => {
    throw new Error(`bench: the server ended with status ${status}`);
  });
  ended.catch(() => {});
  const answer = async <T>(): Promise<T> => {
    const [message] = (await Promise.race([once(child, "message"), ended])) as [T];
    return message;
  };
  const { address } = await answer<{ address: string }>();
  return {
    address,
    memory() {
      const memory = answer<ServerMemory>();
      child.send("memory");
      return memory;
    },
    stop: () => void child.kill("SIGKILL"),
  };
}
