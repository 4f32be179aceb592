// Membership: beside the reading from several data servers, which others could take part, and when a batch is late.

import type { DataServers } from "./data-servers.js";

/** With several servers, how often those that do not take part are asked whether they can. */
const PROBE_MS = 5_000;

/**
 * A batch that takes longer than that, and than this many times the longest of the last waits, is asked of another
 * server as well: the first answer counts.
 */
const SLOW = { ms: 1_000, factor: 4, waits: 32 };

/** The longest of the last waits for a batch, as a measure of when one is late. */
export class Waits {
  readonly #last: number[] = [];

  add(ms: number): void {
    this.#last.push(ms);
    if (this.#last.length > SLOW.waits) this.#last.shift();
  }

  get limitMs(): number {
    return Math.max(SLOW.ms, SLOW.factor * Math.max(0, ...this.#last));
  }
}

/** Asks from time to time, beside the reading, which servers could take part. */
export class Membership {
  readonly #servers: DataServers;
  readonly #answers: (address: string) => Promise<boolean>;
  #next = performance.now() + PROBE_MS;
  /** Addresses that should take part, as of the last look. */
  #wanted: string[] | null = null;

  constructor(servers: DataServers, answers: (address: string) => Promise<boolean>) {
    this.#servers = servers;
    this.#answers = answers;
  }

  /** Whether others than `current` should take part. Never waits. */
  hasChanged(current: readonly string[]): boolean {
    if (!this.#servers.areSeveral) return false;
    const available = this.#servers.available(current);
    if (available.length < current.length && available.length > 0) return true;
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted && (wanted.length !== current.length || wanted.some((one) => !current.includes(one))))
      return true;
    if (performance.now() >= this.#next) {
      this.#next = performance.now() + PROBE_MS;
      void this.#look(current);
    }
    return false;
  }

  async #look(current: readonly string[]): Promise<void> {
    const all = await this.#servers.addresses();
    const others = this.#servers.available(all).filter((address) => !current.includes(address));
    const answering = await Promise.all(others.map((address) => this.#answers(address)));
    this.#wanted = [...current.filter((one) => all.includes(one)), ...others.filter((_, i) => answering[i])];
  }
}
