// Rate limit: how many requests a client may make, by its token or its address. A bucket of tokens for each client fills
// at the rate, up to one second's worth, which a client that was silent may use at once.

import { VitrineError } from "../runtime/errors.js";

export interface RateLimit {
  /** Counts a request of `client`. Throws `network/rate-limited` with `details.retryAfterMs`. */
  take(client: string): void;
}

interface Bucket {
  left: number;
  /** When `left` was right. */
  at: number;
}

/** Clients that are remembered; of more, those that were silent longest are forgotten: their buckets are full again. */
const MOST_CLIENTS = 10_000;

/** An owner of IPv6 addresses has at least 2^64 of them: what they share counts as one client. */
export function clientOfAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped) return mapped[1];
  if (!address.includes(":")) return address;
  const [head, tail = ""] = address.split("%")[0].split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === "" ? [] : tail.split(":");
  const zeros = address.includes("::")
    ? Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill("0")
    : [];
  return [...groups, ...zeros, ...rest].slice(0, 4).join(":");
}

/** `perSecond`: requests, also less than one. `now`: milliseconds. */
export function createRateLimit(perSecond: number, now: () => number = () => performance.now()): RateLimit {
  const most = Math.max(1, perSecond);
  const buckets = new Map<string, Bucket>();
  return {
    take(client) {
      const time = now();
      const before = buckets.get(client) ?? { left: most, at: time };
      const left = Math.min(most, before.left + ((time - before.at) / 1000) * perSecond);
      // The last in the map is the one that came last.
      buckets.delete(client);
      buckets.set(client, { left: left >= 1 ? left - 1 : left, at: time });
      if (buckets.size > MOST_CLIENTS) buckets.delete(buckets.keys().next().value as string);
      if (left >= 1) return;
      const retryAfterMs = Math.ceil(((1 - left) / perSecond) * 1000);
      const text = `more than ${perSecond} requests a second from one client; try again in ${retryAfterMs} ms`;
      throw new VitrineError("network/rate-limited", text, { details: { retryAfterMs, perSecond } });
    },
  };
}
