// Drain: a server stops on SIGTERM or SIGINT by finishing what runs, within a limit, and then leaves with status 0.

import type { Server } from "@grpc/grpc-js";

/** Calls that have not ended by then are cut off. */
const GRACE_MS = 5_000;

/** Refuses new calls, waits for those that run, and cuts off what is left after `graceMs`. */
export async function drainGrpc(server: Server, graceMs = GRACE_MS): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Calls `announce` once signals are listened to: whoever reads `listening on ADDRESS` may send one at once. Resolves
 * when a signal has come and `stop` has ended. A second signal does not wait: it ends the process with the status
 * that shells give such a death (128 + the signal's number).
 */
export async function runUntilSignal(
  stop: (signal: NodeJS.Signals) => Promise<void>,
  announce: () => void = () => {},
): Promise<void> {
  const signals: [NodeJS.Signals, number][] = [
    ["SIGTERM", 15],
    ["SIGINT", 2],
  ];
  const first = await new Promise<NodeJS.Signals>((resolve) => {
    let stopping = false;
    for (const [signal, number] of signals) {
      process.on(signal, () => {
        if (stopping) process.exit(128 + number);
        stopping = true;
        resolve(signal);
      });
    }
    announce();
  });
  await stop(first);
}
