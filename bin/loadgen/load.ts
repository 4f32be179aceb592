// Load: when requests are sent. A closed loop keeps a number of requests in flight, each sent when one before it has
// ended. An open loop sends at random times of a given rate, whether or not earlier requests have ended, and measures
// from the time at which a request was due: a server that stalls is charged for all who would have come meanwhile.

import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "./random.js";
import { OK, type Outcome } from "./target.js";

export type Load =
  /** Requests in flight. */
  | { kind: "closed"; concurrency: number }
  /** Requests per second, at the times of a Poisson process. */
  | { kind: "open"; rate: number };

export interface LoadOptions {
  /** Sends the next request. Never rejects. */
  send(): Promise<Outcome>;
  /** A request has ended; milliseconds since it was sent, or since it was due. */
  ended(outcome: Outcome, latencyMs: number): void;
  seed: number;
}

export interface RunningLoad {
  /** Sends nothing more, and resolves when the requests in flight have ended. */
  stop(): Promise<void>;
  /** Of an open loop: the longest that a request was sent after it was due, in milliseconds. */
  longestLagMs(): number;
}

/** After an error, as a polite client; a server that refuses at once would otherwise be asked without end. */
const PAUSE_MS = 10;

/** Requests of an open loop in flight; those that are due meanwhile are sent later, and charged from when they were due. */
export const MOST_IN_FLIGHT = 4096;

export function startLoad(load: Load, options: LoadOptions): RunningLoad {
  return load.kind === "closed" ? closedLoop(load.concurrency, options) : openLoop(load.rate, options);
}

function closedLoop(concurrency: number, { send, ended }: LoadOptions): RunningLoad {
  let stopped = false;
  const work = async (): Promise<void> => {
    while (!stopped) {
      const start = performance.now();
      const outcome = await send();
      ended(outcome, performance.now() - start);
      if (outcome !== OK) await delay(PAUSE_MS);
    }
  };
  const workers = Array.from({ length: concurrency }, work);
  return {
    async stop() {
      stopped = true;
      await Promise.all(workers);
    },
    longestLagMs: () => 0,
  };
}

function openLoop(rate: number, { send, ended, seed }: LoadOptions): RunningLoad {
  const random = seededRandom(seed);
  /** Milliseconds until the next is due: exponentially distributed. */
  const gap = (): number => (-Math.log(1 - random()) * 1000) / rate;
  let due = performance.now() + gap();
  let inFlight = 0;
  let longestLagMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let drained = (): void => {};

  const sendOne = (dueAt: number): void => {
    inFlight++;
    longestLagMs = Math.max(longestLagMs, performance.now() - dueAt);
    void send().then((outcome) => {
      inFlight--;
      ended(outcome, performance.now() - dueAt);
      if (stopped && inFlight === 0) drained();
      // Those that had to wait for a place.
      if (!stopped && inFlight === MOST_IN_FLIGHT - 1) sendDue();
    });
  };
  const sendDue = (): void => {
    clearTimeout(timer);
    while (due <= performance.now() && inFlight < MOST_IN_FLIGHT) {
      sendOne(due);
      due += gap();
    }
    if (inFlight < MOST_IN_FLIGHT) timer = setTimeout(sendDue, Math.max(0, due - performance.now()));
  };
  sendDue();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      if (inFlight > 0)
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
    },
    longestLagMs: () => longestLagMs,
  };
}
