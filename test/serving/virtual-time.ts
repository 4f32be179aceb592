// Virtual time: a clock that moves only when everything that can happen now has happened, so that minutes of load are
// simulated in a moment, and equally on every machine.

import { setImmediate as nextTurn } from "node:timers/promises";

interface Timer {
  at: number;
  run: () => void;
}

/** Iterations of the event loop after which what was woken has come to rest. */
const SETTLING_TURNS = 12;

const real = { now: Date.now, performanceNow: performance.now, setTimeout, clearTimeout };

export class VirtualTime {
  #now = 1e12;
  #timers: Timer[] = [];

  install(): void {
    Date.now = () => this.#now;
    performance.now = () => this.#now;
    const set = (run: () => void, milliseconds = 0): Timer => {
      const timer = { at: this.#now + milliseconds, run };
      this.#timers.push(timer);
      return timer;
    };
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((timer: Timer) => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    }) as unknown as typeof clearTimeout;
  }

  remove(): void {
    Date.now = real.now;
    performance.now = real.performanceNow;
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** Lets time pass; every timer within it runs at its time. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await this.#settle();
    for (;;) {
      const next = this.#timers.reduce<Timer | undefined>(
        (first, timer) =>
          timer.at <= (first?.at ?? end) && timer.at < (first?.at ?? Infinity) ? timer : first,
        undefined,
      );
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await this.#settle();
    }
    this.#now = end;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await nextTurn();
  }
}
