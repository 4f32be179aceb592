// Data servers: which of a trainer's data servers there are, which of them answer, and which are better left alone for a
// while.

import { lookup } from "node:dns/promises";
import { dnsTarget, hostOf, portOf } from "../../proto/address.js";

/** How long a server that failed is left alone, at first and at most; it doubles with each failure in a row. */
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 30_000;

interface Health {
  failures: number;
  /** performance.now() at which it may be asked again. */
  restsUntil: number;
}

/** NAME:PORT → HOST:PORT for each address of the name, sorted. Throws what the resolver throws. */
async function resolveName(target: string): Promise<string[]> {
  const port = portOf(target);
  const found = await lookup(hostOf(target), { all: true });
  return found
    .map(({ address, family }) => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`))
    .sort();
}

export class DataServers {
  readonly #named: readonly string[];
  readonly #resolve: (target: string) => Promise<string[]>;
  /** Name → its addresses when it last resolved. */
  readonly #resolved = new Map<string, string[]>();
  readonly #health = new Map<string, Health>();

  /** HOST:PORT, unix:PATH or dns:///NAME:PORT each. `resolve` turns a NAME:PORT into addresses, by default with DNS. */
  constructor(named: readonly string[], resolve = resolveName) {
    this.#named = named;
    this.#resolve = resolve;
  }

  /** Whether there can be more than one. */
  get areSeveral(): boolean {
    return this.#named.length > 1 || this.#named.some((name) => dnsTarget(name) !== undefined);
  }

  /** For messages. */
  toString(): string {
    return this.#named.join(", ");
  }

  /** All addresses, with names resolved again. */
  async addresses(): Promise<string[]> {
    const lists = await Promise.all(
      this.#named.map((name) => {
        const target = dnsTarget(name);
        return target === undefined ? [name] : this.#addressesOf(target);
      }),
    );
    return [...new Set(lists.flat())];
  }

  /** A name that does not resolve keeps the addresses it had: servers go on while their name server does not. */
  async #addressesOf(target: string): Promise<string[]> {
    try {
      this.#resolved.set(target, await this.#resolve(target));
    } catch {
      // The caller is refused by what it asks at the old addresses, or has none.
    }
    return this.#resolved.get(target) ?? [];
  }

  /** The name that an address was resolved from, for which a server's certificate is; undefined for any other address. */
  nameOf(address: string): string | undefined {
    for (const [target, addresses] of this.#resolved) if (addresses.includes(address)) return hostOf(target);
    return undefined;
  }

  /** Those of `addresses` that did not fail lately. */
  available(addresses: readonly string[]): string[] {
    const now = performance.now();
    return addresses.filter((address) => (this.#health.get(address)?.restsUntil ?? 0) <= now);
  }

  failed(address: string): void {
    const failures = (this.#health.get(address)?.failures ?? 0) + 1;
    const rest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (failures - 1));
    this.#health.set(address, { failures, restsUntil: performance.now() + rest });
  }

  /** A server that answers, but more slowly than the others can make up for. */
  wasSlow(address: string): void {
    this.#health.set(address, { failures: 1, restsUntil: performance.now() + LONGEST_REST_MS });
  }

  /**
   * It can be asked for batches. Its failures still count: one that describes its data set and then refuses the stream,
   * because it is full, is not asked every few seconds.
   */
  answered(address: string): void {
    const health = this.#health.get(address);
    if (health) health.restsUntil = 0;
  }

  /** It made a batch, so its next failure is its first. */
  delivered(address: string): void {
    this.#health.delete(address);
  }
}
