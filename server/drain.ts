// Drain: a server stops on SIGTERM or SIGINT by finishing the calls in progress, within a limit, and then exits with
// status 0.

import type { Server } from "@grpc/grpc-js";

/** Calls that have not ended after this time are cut off. */
const GRACE_MS = 5_000;

/** Refuses new calls, waits for those in progress, and cuts off what is left after `graceMs`. */
export async function drainGrpc(server: Server, graceMs = GRACE_MS): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      // tryShutdown may wait forever: it counts a connection whose first bytes were not HTTP/2, such as a TLS handshake.
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** With the numbers that shells add to 128 in the status of a process that a signal ended. */
const SIGNALS: readonly [NodeJS.Signals, number][] = [
  ["SIGTERM", 15],
  ["SIGINT", 2],
];

/** The first process of a container, for which signals without a handler are ignored. */
const FIRST_PROCESS = 1;

/**
 * Awaits `work`, during which a signal ends the process at once. Other processes than a container's first have that
 * from the operating system, which also ends those with a thread that is blocked in it.
 */
export async function endOnSignalDuring<T>(work: Promise<T>): Promise<T> {
  if (process.pid !== FIRST_PROCESS) return work;
  const handlers = SIGNALS.map(([signal, number]) => ({ signal, end: () => process.exit(128 + number) }));
  for (const { signal, end } of handlers) process.on(signal, end);
  try {
    return await work;
  } finally {
    for (const { signal, end } of handlers) process.off(signal, end);
  }
}

/**
 * Resolves when a signal has arrived and `stop` has ended. `announce` is called once the handlers are installed: a
 * process that reads `listening on ADDRESS` may send a signal at once. A second signal does not wait: it ends the
 * process with the status that shells report for it (128 + the signal's number).
 */
export async function runUntilSignal(
  stop: (signal: NodeJS.Signals) => Promise<void>,
  announce: () => void = () => {},
): Promise<void> {
  const first = await new Promise<NodeJS.Signals>((resolve) => {
    let stopping = false;
    for (const [signal, number] of SIGNALS) {
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
