// Patience: how long a server may be away before its client gives up, counted from the first failure in a row.

import { setTimeout as delay } from "node:timers/promises";
import type { VitrineError } from "../../runtime/errors.js";
import { isGone } from "./data-connection.js";

/** Between two tries; a server that restarts is found soon after it listens. */
const RETRY_MS = 250;

/** Of one reader, for tries that may fail while the server is away. */
export class Patience {
  private since: number | null = null;

  constructor(
    private readonly seconds: number,
    private readonly giveUp: (reason: string) => VitrineError,
    private readonly onNotice: (text: string) => void,
  ) {}

  /** Milliseconds left, or all of them if the server is not away. */
  get leftMs(): number {
    const away = this.since === null ? 0 : performance.now() - this.since;
    return Math.max(0, this.seconds * 1000 - away);
  }

  /** Something came: the next absence counts from its own beginning. */
  reset(): void {
    if (this.since !== null) this.onNotice("the data server is back");
    this.since = null;
  }

  /** Waits a little after a failure; throws it if it is final, or if time is up. */
  async after(error: unknown): Promise<void> {
    if (!isGone(error)) throw error;
    if (this.since === null) {
      this.since = performance.now();
      if (this.seconds > 0) this.onNotice(`no data server (${error.message}): trying for ${this.seconds} s`);
    }
    await delay(Math.min(RETRY_MS, Math.ceil(this.leftMs)));
    if (this.leftMs === 0) throw this.giveUp(error.message);
  }
}
