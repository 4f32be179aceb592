// Rendezvous: who is there, which group they form, and why it ends. It runs in the process of rank 0 and knows no
// network: a seat is one member, whose messages someone passes in and out.

import { randomBytes } from "node:crypto";
import {
  Cause,
  type EndedMessage,
  type HelloMessage,
  type MasterMessage,
  type MemberMessage,
} from "../../../proto/collective-codec.js";
import { counted } from "../../../runtime/batches/class-counts.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { type Candidate, chooseRanks, groupSize, newestOf } from "./choose-ranks.js";

export interface RendezvousOptions {
  facts: Readonly<Record<string, string>>;
  world: number;
  pieces: number;
  waitMs: number;
  silenceMs: number;
  say(line: string): void;
}

export interface Seat extends Candidate {
  /** Where the next rank finds its links; empty: where the members join. */
  address: string;
  isReady: boolean;
  send(message: MasterMessage): void;
  /** Ends the member's connection. */
  close(): void;
}

/** Members at a time: as many as a world may have, and as many again that wait. */
const MAX_SEATS = 2048;
/** How long a broken link waits for the news that its other end is gone, which names the reason better. */
const VERDICT_MS = 300;
/** A rank that comes and goes does not stop the others more often than this. */
const REJOIN_MS = 10_000;
/** A run that forms a group each second is older than a century by then. */
const MAX_GENERATION = 2 ** 31;
/** Facts that a text names. */
const NAMED_FACTS = 5;

/** Throws `collective/facts`, naming what differs with both values. */
function checkFacts(own: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): void {
  const names = [...new Set([...Object.keys(own), ...Object.keys(other)])].sort();
  const factOf = (facts: Readonly<Record<string, string>>, name: string): string =>
    Object.hasOwn(facts, name) ? quote(facts[name]) : "none";
  const different = names.filter((name) => factOf(own, name) !== factOf(other, name));
  if (different.length === 0) return;
  const [fact] = different;
  const texts = different
    .slice(0, NAMED_FACTS)
    .map((name) => `${quote(name)} is ${factOf(other, name)} here and ${factOf(own, name)} on rank 0`);
  throw new VitrineError("collective/facts", texts.join("; "), {
    details: { fact: quote(fact), here: factOf(other, fact), there: factOf(own, fact) },
  });
}

export class Rendezvous {
  readonly #options: RendezvousOptions;
  readonly #seats = new Set<Seat>();
  #order = 0;
  #generation = 0;
  /** The present group in the order of its ranks; empty: there is none. */
  #group: readonly Seat[] = [];
  /** Members of the last group that have not offered again: they compute, and will. */
  readonly #expected = new Set<Seat>();
  #formedAt = Number.NEGATIVE_INFINITY;
  /** When the first member became ready for the next group. */
  #formingSince: number | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: RendezvousOptions) {
    this.#options = options;
  }

  /** Throws `collective/facts` where the member does not fit, and `network/resource-exhausted` where there are too many. */
  admit(hello: HelloMessage, member: Pick<Seat, "isMaster" | "address" | "send" | "close">): Seat {
    checkFacts(this.#options.facts, hello.facts ?? {});
    if (this.#seats.size >= MAX_SEATS)
      throw new VitrineError(
        "network/resource-exhausted",
        `${this.#seats.size} members are there; allowed: ${MAX_SEATS}`,
      );
    const { generation = 0 } = hello;
    if (Number(generation) > MAX_GENERATION)
      throw new VitrineError(
        "collective/mismatch",
        `generation ${generation}; allowed: up to ${MAX_GENERATION}`,
      );
    const { send } = member;
    const seat: Seat = {
      ...member,
      wish: hello.rank ?? null,
      order: this.#order++,
      step: -1,
      isReady: false,
    };
    this.#generation = Math.max(this.#generation, Number(generation));
    this.#seats.add(seat);
    send({ welcome: { silenceMs: this.#options.silenceMs } });
    return seat;
  }

  receive(seat: Seat, { offer, report, leave }: MemberMessage): void {
    if (!this.#seats.has(seat)) return;
    if (offer) {
      if (this.#group.includes(seat)) this.#endBecauseOf(seat, Cause.CAUSE_LEFT, "it forms the group again");
      seat.step = Math.max(-1, offer.step ?? -1);
      seat.isReady = true;
      this.#expected.delete(seat);
      this.#formingSince ??= performance.now();
      this.#tryToForm();
    } else if (report && report.generation === this.#generation && this.#group.includes(seat)) {
      this.#judge(report.cause ?? Cause.CAUSE_LOST, report.rank ?? 0, quote(report.text ?? ""));
    } else if (leave) {
      seat.isReady = false;
      if (this.#group.includes(seat))
        this.#endBecauseOf(seat, Cause.CAUSE_LEFT, quote(leave.reason ?? ""), leave.reductions ?? 0);
      this.#expected.delete(seat);
    }
  }

  /** The member's connection is gone. */
  remove(seat: Seat, why: string): void {
    if (!this.#seats.delete(seat)) return;
    this.#expected.delete(seat);
    if (this.#group.includes(seat)) this.#endBecauseOf(seat, Cause.CAUSE_LOST, why);
    else this.#tryToForm();
  }

  /** The run is over: members that wait for a group, or would form one again, learn it. */
  finish(): void {
    for (const seat of this.#seats) if (!seat.isMaster) seat.send({ finished: {} });
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    const seats = [...this.#seats];
    this.#seats.clear();
    this.#group = [];
    for (const seat of seats) seat.close();
  }

  /** A link that broke says little: what happened to its other end comes by another way, a moment later. */
  #judge(cause: Cause, rank: number, text: string): void {
    const [generation, suspect] = [this.#generation, this.#group[rank]];
    if (!suspect) return;
    const end = (): void => {
      if (this.#generation === generation && this.#group.length > 0) this.#endBecauseOf(suspect, cause, text);
    };
    if (cause === Cause.CAUSE_LOST) setTimeout(end, VERDICT_MS).unref();
    else end();
  }

  #endBecauseOf(seat: Seat, cause: Cause, text: string, reductions = 0): void {
    const group = this.#group;
    const rank = Math.max(0, group.indexOf(seat));
    const ended: EndedMessage = {
      generation: this.#generation,
      cause,
      rank,
      address: seat.address,
      text,
      reductions,
    };
    this.#group = [];
    this.#formingSince = null;
    this.#expected.clear();
    for (const other of group) {
      if (!this.#seats.has(other)) continue;
      this.#expected.add(other);
      other.send({ ended });
    }
    if ([...this.#seats].some(({ isReady }) => isReady)) this.#formingSince = performance.now();
    this.#tryToForm();
  }

  #tryAgainIn(milliseconds: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tryToForm(), Math.max(1, milliseconds));
    this.#timer.unref();
  }

  #tryToForm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const { world, pieces, waitMs, silenceMs, say } = this.#options;
    const ready = [...this.#seats].filter(({ isReady }) => isReady);
    if (this.#group.length > 0) return void this.#letJoin(ready);
    if (this.#formingSince === null || !ready.some(({ isMaster }) => isMaster)) return;
    const now = performance.now();
    if (ready.length < world) {
      // Those of the last group that still compute get as long again as a silent rank.
      const waitUntil = this.#formingSince + waitMs + (this.#expected.size > 0 ? silenceMs : 0);
      if (now < waitUntil) return void this.#tryAgainIn(waitUntil - now);
      say(`${counted(ready.length, "rank is", "ranks are")} there, of ${world} that are wanted`);
    }
    this.#form(chooseRanks(ready, world, pieces));
  }

  /** Ends the group where those who wait would make a larger one. */
  #letJoin(waiting: readonly Seat[]): void {
    if (waiting.length === 0) return;
    const { world, pieces, silenceMs } = this.#options;
    const size = groupSize(Math.min(world, this.#group.length + waiting.length), pieces);
    if (size <= this.#group.length) return;
    const restMs = this.#formedAt + Math.min(REJOIN_MS, silenceMs) - performance.now();
    if (restMs > 0) return void this.#tryAgainIn(restMs);
    this.#endBecauseOf(waiting[0], Cause.CAUSE_JOINED, `the group grows from ${this.#group.length} ranks`);
  }

  #form(chosen: readonly Seat[]): void {
    this.#generation++;
    this.#group = chosen;
    this.#formedAt = performance.now();
    this.#formingSince = null;
    this.#expected.clear();
    const key = randomBytes(16);
    const peers = chosen.map(({ address }) => ({ address }));
    const formed = { generation: this.#generation, key, peers, ...newestOf(chosen) };
    for (const [rank, seat] of chosen.entries()) {
      seat.isReady = false;
      seat.send({ formed: { ...formed, rank } });
    }
  }
}
