// One measurement of the data bench: a client process, and the server process that it reads from, if any.

import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";

/** What a client reads: our service without decoding, a bare stream, a data server, or a pipeline in its own process. */
export type Source = "replay" | "bare" | "decode" | "local";

export interface Load {
  /** A data set of at least `images` pictures. */
  data: string;
  /** Images in a batch. */
  images: number;
  /** Side of an image in pixels. */
  size: number;
  batches: number;
  /** Decode threads. */
  workers: number;
}

export interface Figures {
  imagesPerSecond: number;
  /** Pixels, in MB. */
  megabytesPerSecond: number;
  /** CPU time of server and client, milliseconds an image. */
  serverMs: number;
  clientMs: number;
  /** From connecting to the first batch. */
  firstMs: number;
}

/** Batches before the measurement: the JIT compiler has seen everything, the window is full. */
const WARM_UP = 10;

const script = (name: string): URL => new URL(`${name}.js`, import.meta.url);

async function microsecondsOf(server: ChildProcess | null): Promise<number> {
  if (server === null) return 0;
  const answer = once(server, "message");
  server.send("cpu");
  const [{ microseconds }] = (await answer) as [{ microseconds: number }];
  return microseconds;
}

interface Report {
  firstMs?: number;
  warm?: boolean;
  seconds?: number;
  microseconds?: number;
}

/** Rejects when a process ends, which none does by itself before it has reported. */
function endOf(child: ChildProcess, name: string): Promise<never> {
  const ended = once(child, "exit").then(([status]) => {
    throw new Error(`bench: the ${name} ended with status ${status}`);
  });
  ended.catch(() => {});
  return ended;
}

async function readFrom(client: ChildProcess, server: ChildProcess | null, load: Load): Promise<Figures> {
  const total = load.images * load.batches;
  let firstMs = 0;
  let before = 0;
  const failed = Promise.race([endOf(client, "client"), ...(server ? [endOf(server, "server")] : [])]);
  failed.catch(() => {});
  const reports = on(client, "message");
  for (;;) {
    const { value } = await Promise.race([reports.next(), failed]);
    const [report] = value as [Report];
    if (report.firstMs !== undefined) firstMs = report.firstMs;
    if (report.warm) before = await microsecondsOf(server);
    const { seconds, microseconds } = report;
    if (seconds === undefined || microseconds === undefined) continue;
    return {
      imagesPerSecond: total / seconds,
      megabytesPerSecond: (total * load.size ** 2 * 3) / 1e6 / seconds,
      serverMs: ((await microsecondsOf(server)) - before) / 1000 / total,
      clientMs: microseconds / 1000 / total,
      firstMs,
    };
  }
}

/** With processes of its own, which end with it. */
export async function measure(source: Source, load: Load): Promise<Figures> {
  const { data, images, size, batches, workers } = load;
  const counts = [images, size, WARM_UP, batches, workers].map(String);
  const kind = source === "bare" || source === "local" ? source : "vitrine";
  const children: ChildProcess[] = [];
  const start = (name: string, words: string[]): ChildProcess => {
    const child = fork(script(name), words);
    children.push(child);
    return child;
  };
  try {
    if (source === "local") return await readFrom(start("wire-client", [kind, data, ...counts]), null, load);
    const server = start("wire-server", [source, data, `${images}`, `${size}`, `${workers}`]);
    const listening = once(server, "message") as Promise<[{ address: string }]>;
    const [{ address }] = await Promise.race([listening, endOf(server, "server")]);
    return await readFrom(start("wire-client", [kind, address, ...counts]), server, load);
  } finally {
    // One that is still at work when its channel closes would keep this process waiting.
    for (const child of children) child.kill("SIGKILL");
  }
}
