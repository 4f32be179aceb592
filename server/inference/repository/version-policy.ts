// Version policy: which of a model's versions are served.

import { quoteJson } from "../../../runtime/errors.js";

export type VersionPolicy =
  /** The newest `count` that can be loaded. */
  { kind: "latest"; count: number } | { kind: "all" } | { kind: "specific"; versions: readonly string[] };

export const NEWEST: VersionPolicy = { kind: "latest", count: 1 };

/** A version's name: a positive whole number without leading zeros, in 64 bits. */
export const VERSION_NAME = /^[1-9]\d{0,17}$/;

/** Ascending by number. */
export function compareVersions(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}

const ALLOWED = 'allowed: "all", {latest: N}, or a list of versions such as [1, 3]';

/** The value of `versions` in a file of settings → policy. `refuse` makes the error. */
export function parseVersionPolicy(value: unknown, refuse: (text: string) => Error): VersionPolicy {
  if (value === "all") return { kind: "all" };
  if (Array.isArray(value) && value.length > 0) {
    const versions = value.map(String);
    if (versions.every((version) => VERSION_NAME.test(version)))
      return { kind: "specific", versions: [...new Set(versions)].sort(compareVersions) };
  }
  if (typeof value === "object" && value !== null && Object.keys(value).join() === "latest") {
    const { latest: count } = value as { latest: unknown };
    if (typeof count === "number" && Number.isSafeInteger(count) && count >= 1)
      return { kind: "latest", count };
  }
  throw refuse(`"versions" got ${quoteJson(value)}; ${ALLOWED}`);
}
