// Retry: repeats requests that failed for a reason that may pass, after waits that grow and are drawn at random, so that
// many servers that were refused together do not come back together.

import { setTimeout as delay } from "node:timers/promises";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { RetryPolicy } from "./contract.js";

/** About 8 s of waiting in the mean of five retries; below the minute that a decode thread has for two samples. */
export const RETRY_POLICY: RetryPolicy = { retries: 5, baseMs: 500, capMs: 8_000, deadlineMs: 40_000 };

/** A failure that another try may not have: no answer, a connection that broke, a server that is busy. */
export class TransientFault extends Error {
  /** Milliseconds that the server asks to wait. */
  readonly waitMs: number;
  /** The status of an answer; absent where there was none. */
  readonly status?: number;

  constructor(message: string, options: { waitMs?: number; status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "TransientFault";
    this.waitMs = options.waitMs ?? 0;
    if (options.status !== undefined) this.status = options.status;
  }
}

/** Statuses that another try may not get. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Milliseconds of a Retry-After header, in seconds or as a date; 0 without one. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number {
  if (header === undefined) return 0;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return seconds > 0 ? Math.ceil(1000 * seconds) : 0;
}

function exhausted(url: string, fault: TransientFault, tries: number): VitrineError {
  const times = tries === 1 ? "" : ` (tried ${tries} times)`;
  const { status, message, cause } = fault;
  if (status === undefined)
    return new VitrineError(
      "network/unreachable",
      `${displayUrl(url)}: ${message}${times}: check the connection`,
      {
        cause,
      },
    );
  return new VitrineError("network/http", `${displayUrl(url)}: ${message}${times}: try again later`, {
    details: { status },
    cause,
  });
}

/**
 * The result of `attempt`, repeated while it throws a `TransientFault`. Throws `network/unreachable` or `network/http`
 * after the last one, and any other error of `attempt` at once. `url` is for messages.
 */
export async function retried<T>(
  url: string,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientFault)) throw error;
      const longest = Math.min(policy.capMs, policy.baseMs * 2 ** (tries - 1));
      const waitMs = Math.max(error.waitMs, Math.random() * longest);
      const elapsed = performance.now() - start;
      if (tries > policy.retries || elapsed + waitMs > policy.deadlineMs) throw exhausted(url, error, tries);
      await delay(waitMs, undefined, signal && { signal });
    }
  }
}
