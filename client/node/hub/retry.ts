// Hub retry: tries again after failures that may pass, with growing waits, and gives up with the last one's reason.

import { setTimeout as delay } from "node:timers/promises";
import { type Subject, TransientFailure, unreachable } from "./http.js";
import type { HubSettings } from "./settings.js";

/** Counts failures in a row. */
export class Retries {
  readonly #subject: Subject;
  readonly #settings: HubSettings;
  #failures = 0;

  constructor(subject: Subject, settings: HubSettings) {
    this.#subject = subject;
    this.#settings = settings;
  }

  /** Progress was made: the next failure is the first. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits before the next try. Throws `error` if another try cannot help, and `hub/unreachable` after the last. */
  async wait(error: unknown): Promise<void> {
    if (!(error instanceof TransientFailure)) throw error;
    const wait = this.#settings.retryWaitsMs[this.#failures++];
    if (wait === undefined) throw unreachable(this.#subject, this.#settings, error.message);
    await delay(Math.max(wait, error.waitMs));
  }
}

/** The result of `attempt`, tried again as `Retries` allows. */
export async function retried<T>(
  subject: Subject,
  settings: HubSettings,
  attempt: () => Promise<T>,
): Promise<T> {
  const retries = new Retries(subject, settings);
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      await retries.wait(error);
    }
  }
}
