// Stop on signals: the first Ctrl-C or SIGTERM asks a run to stop and is acknowledged at once, a second one ends the
// process.

import { writeSync } from "node:fs";
import { quote } from "../runtime/errors.js";

/** Exit status after a signal: 128 + its number, as shells report it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * `npm run` passes on the signal that the terminal has already sent to the whole group, so a single Ctrl-C arrives
 * twice.
 */
const SAME_REQUEST_MS = 300;

const STANDARD_ERROR = 2;

export interface StopRequest {
  /** Fires at the first signal. */
  interruption: AbortSignal;
  /** Exit status for the first signal, or for `stop`; 0 before either. */
  status(): number;
  /** As the first Ctrl-C, from elsewhere than the terminal. */
  stop(): void;
  /** Signals have their usual effect again. */
  release(): void;
}

/** `say`: prints a line. `last`: what a second signal leaves, for its message. */
export function stopOnSignals(say: (line: string) => void, last: string): StopRequest {
  const controller = new AbortController();
  let status = 0;
  let since = 0;
  const request = (number: number, line: string) => {
    status = number;
    since = performance.now();
    say(line);
    controller.abort();
  };
  const stop = () => {
    if (status === 0) request(SIGNALS.SIGINT, "stopping after this batch, as the dashboard asks");
  };
  const listeners = Object.entries(SIGNALS).map(([name, number]) => {
    const again = name === "SIGINT" ? "Ctrl-C again" : `a second ${name}`;
    const onSignal = () => {
      if (status === 0) request(number, `stopping after this batch; ${again} ends at once`);
      else if (performance.now() - since > SAME_REQUEST_MS) {
        // Synchronous, as the process ends here.
        writeSync(
          STANDARD_ERROR,
          `\nvitrine: ended at once; ${quote(last)} holds the last checkpoint, if any\n`,
        );
        process.exit(number);
      }
    };
    process.on(name, onSignal);
    return () => process.off(name, onSignal);
  });
  const release = () => {
    for (const remove of listeners) remove();
  };
  return { interruption: controller.signal, status: () => status, stop, release };
}
