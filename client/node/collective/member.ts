// Member: one rank of a run. It keeps the line to rank 0, and makes a ring of each group that forms.

import { setTimeout as delay } from "node:timers/promises";
import {
  Cause,
  type Element,
  type EndedMessage,
  type FormedMessage,
  type HelloMessage,
  type MasterMessage,
} from "../../../proto/collective-codec.js";
import { toStatus } from "../../../proto/wire-error.js";
import { isVitrineError, VitrineError } from "../../../runtime/errors.js";
import type { ConnectionSecurity } from "../credentials.js";
import { serveLink } from "./accept-link.js";
import type { Formed, Member, StatePart } from "./contract.js";
import { closedHere, endedError, finishedThere } from "./errors.js";
import { checkCaller, type Forming, readFormed } from "./forming.js";
import { type LinkCall, openPrevious } from "./links.js";
import { isAway, type LineListener, type MasterLine } from "./master-line.js";
import { reachMaster, retryWaits } from "./reach-master.js";
import { Ring } from "./ring.js";
import { fetchState, type StateCall, sendState } from "./state-transfer.js";

export interface MemberOptions {
  address: string;
  master: string;
  security: ConnectionSecurity;
  hello: HelloMessage;
  element: Element;
  waitMs: number;
  silenceMs: number;
  stallMs: number;
  maxStateBytes: number;
  openLine(hello: HelloMessage, listener: LineListener): Promise<MasterLine>;
  /** On rank 0: the others learn that the run is over. */
  finish(): void;
  /** Called once, after the line is closed. */
  close(): Promise<void>;
  say(line: string): void;
}

/** How long a rank that cannot reach another one waits for rank 0 to say what happened. */
const VERDICT_MS = 5_000;

export class RunMember implements Member {
  readonly address: string;
  readonly #options: MemberOptions;
  #line: MasterLine | null = null;
  readonly #closing = new AbortController();
  #generation: number;
  #forming: Forming | null = null;
  #ring: Ring | null = null;
  /** The ring of which this rank has reported a failure. */
  #failed: Ring | null = null;
  /** Aborted when the present group ends. */
  #groupEnd = new AbortController();
  /** Called with the group that forms, or null where the line is gone or the run finished. */
  #onFormed: ((message: FormedMessage | null) => void) | null = null;
  #provider: (() => Promise<readonly StatePart[]>) | null = null;
  #isFinished = false;

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  constructor(options: MemberOptions) {
    this.#options = options;
    this.address = options.address;
    this.#generation = options.hello.generation ?? 0;
  }

  /** Connects to rank 0, which may start later. */
  async connect(): Promise<void> {
    await this.#openLine();
  }

  async #openLine(): Promise<MasterLine> {
    if (this.#line) return this.#line;
    const line = await reachMaster(() => this.#tryLine(), this.#options, this.#closing.signal);
    if (!this.#isClosed) return (this.#line = line);
    line.close();
    throw closedHere();
  }

  #tryLine(): Promise<MasterLine> {
    const { hello, openLine } = this.#options;
    return openLine(
      { ...hello, generation: this.#generation },
      { onMessage: (message) => this.#receive(message), onGone: (text) => this.#loseMaster(text) },
    );
  }

  #receive({ formed, ended, finished }: MasterMessage): void {
    if (formed) this.#onFormed?.(formed);
    if (finished) {
      this.#isFinished = true;
      this.#onFormed?.(null);
    }
    if (!ended || ended.generation !== this.#forming?.generation) return;
    const error = endedError(ended);
    if (ended.cause === Cause.CAUSE_LEFT)
      this.#ring?.settle(error, ended.reductions ?? 0, this.#options.silenceMs);
    else this.#ring?.end(error);
    this.#endGroup(error);
  }

  #loseMaster(text: string): void {
    this.#line = null;
    const { master } = this.#options;
    this.#breakGroup(
      endedError({ cause: Cause.CAUSE_LOST, rank: 0, address: master, text, generation: this.#generation }),
    );
    this.#onFormed?.(null);
  }

  /** The ring has ended, or settles by itself. */
  #endGroup(error: Error): void {
    this.#ring = null;
    this.#forming = null;
    this.#groupEnd.abort(error);
  }

  #breakGroup(error: Error): void {
    this.#ring?.end(error);
    this.#endGroup(error);
  }

  async form({ step }: { step: number }): Promise<Formed> {
    this.#leave("it forms the group again");
    const { waitMs, stallMs } = this.#options;
    const deadline = performance.now() + waitMs + stallMs;
    for (;;) {
      if (this.#isFinished) throw finishedThere();
      const line = await this.#openLine();
      const message = await this.#offer(line, step, deadline);
      if (message) return await this.#connectRing(readFormed(message, this.#options.master));
      if (this.#isClosed) throw closedHere();
    }
  }

  /** Resolves to null where the line is gone, or the run finished. */
  async #offer(line: MasterLine, step: number, deadline: number): Promise<FormedMessage | null> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<FormedMessage | null>((resolve, reject) => {
        this.#onFormed = resolve;
        timer = setTimeout(() => {
          line.send({ leave: { reason: "it waited too long" } });
          reject(new VitrineError("collective/timeout", `rank 0 at ${this.#options.master} forms no group`));
        }, deadline - performance.now());
        line.send({ offer: { step } });
      });
    } finally {
      clearTimeout(timer);
      this.#onFormed = null;
    }
  }

  async #connectRing(forming: Forming): Promise<Formed> {
    const { rank, addresses, generation, source, step } = forming;
    const { element, stallMs } = this.#options;
    this.#generation = generation;
    this.#forming = forming;
    this.#groupEnd = new AbortController();
    const ring = new Ring({
      ...{ rank, generation, element, stallMs, world: addresses.length },
      onFailure: (cause, about, text) => this.#fail(ring, { cause, rank: about, text }),
      leave: async (reason) => void (ring === this.#ring && this.#leave(reason)),
    });
    this.#ring = ring;
    try {
      if (ring.world > 1) await this.#connectLinks(ring, forming);
      return { group: ring, source, step };
    } catch (error) {
      this.#leave(String(error));
      throw error;
    }
  }

  async #connectLinks(ring: Ring, forming: Forming): Promise<void> {
    const { signal } = this.#groupEnd;
    const limit = setTimeout(() => {
      const rank = ring.hasNext ? ring.previousRank : ring.nextRank;
      this.#fail(ring, { cause: Cause.CAUSE_LOST, rank, text: `no connection with rank ${ring.rank}` });
    }, this.#options.silenceMs);
    try {
      const ended = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      const opened = this.#openPrevious(ring, forming, signal);
      await Promise.race([Promise.all([opened, ring.nextConnected]), ended]);
    } finally {
      clearTimeout(limit);
    }
  }

  /** The previous rank may learn of the group, or listen, a moment later. */
  async #openPrevious(ring: Ring, forming: Forming, signal: AbortSignal): Promise<void> {
    const { generation, key, addresses } = forming;
    const { security, silenceMs } = this.#options;
    for (const wait of retryWaits()) {
      try {
        const previous = await openPrevious(
          addresses[ring.previousRank],
          security,
          { generation, key, rank: ring.rank },
          {
            silenceMs,
            onFrame: (frame) => ring.receive(frame),
            onGone: (text) => this.#loseLink(ring, ring.previousRank, text),
          },
        );
        return ring.connectPrevious(previous);
      } catch (error) {
        if (error instanceof VitrineError && !isAway(error)) throw error;
        if (signal.aborted) throw signal.reason;
        await delay(wait, undefined, { signal }).catch(() => {});
      }
    }
  }

  #loseLink(ring: Ring, rank: number, text: string): void {
    this.#fail(ring, {
      cause: Cause.CAUSE_LOST,
      rank,
      text: `its connection with rank ${ring.rank} broke (${text})`,
    });
  }

  /** Rank 0 decides why a group ends, so that all ranks give the same reason; without it, what this rank saw is. */
  #fail(ring: Ring, report: Pick<EndedMessage, "cause" | "rank" | "text">): void {
    if (ring !== this.#ring || ring === this.#failed) return;
    this.#failed = ring;
    const { generation } = ring;
    this.#line?.send({ report: { ...report, generation } });
    const address = this.#forming?.addresses[report.rank ?? 0] ?? "";
    const end = (): void => {
      if (ring === this.#ring) this.#breakGroup(endedError({ ...report, address, generation }));
    };
    setTimeout(end, Math.min(VERDICT_MS, this.#options.silenceMs)).unref();
  }

  #leave(reason: string): void {
    const ring = this.#ring;
    if (!ring || ring.ended) return;
    this.#line?.send({ leave: { reason, reductions: ring.completed } });
    this.#breakGroup(closedHere());
  }

  /** For a call of Link. */
  acceptLink(call: LinkCall): void {
    serveLink(call, this.#options.silenceMs, {
      ringOf: (open) => {
        checkCaller(this.#forming, open);
        const ring = this.#ring;
        if (ring && open.rank === ring.nextRank && !ring.hasNext) return ring;
        throw new VitrineError("collective/mismatch", `rank ${open.rank} has no link to open here`);
      },
      onGone: (ring, text) => this.#loseLink(ring, ring.nextRank, text),
      onMismatch: (ring, text) =>
        this.#fail(ring, { cause: Cause.CAUSE_MISMATCH, rank: ring.nextRank, text }),
    });
  }

  serveState(provider: () => Promise<readonly StatePart[]>): void {
    this.#provider = provider;
  }

  /** For a call of FetchState. */
  async sendState(call: StateCall): Promise<void> {
    try {
      checkCaller(this.#forming, call.request);
      if (!this.#provider)
        throw new VitrineError("collective/state", `rank ${this.#ring?.rank} serves no state`);
      await sendState(call, await this.#provider());
    } catch (error) {
      call.emit("error", toStatus(error, "collective"));
    }
  }

  async fetchState(from: number): Promise<Map<string, Uint8Array>> {
    const [forming, ring] = [this.#forming, this.#ring];
    if (!forming || !ring) throw this.#isClosed ? closedHere() : (this.#groupEnd.signal.reason as Error);
    const address = forming.addresses[from];
    if (address === undefined || from === ring.rank)
      throw new VitrineError(
        "usage/rank",
        `rank ${from} of ${ring.world} has no state for rank ${ring.rank}`,
      );
    const { security, maxStateBytes, stallMs, silenceMs } = this.#options;
    const { signal } = this.#groupEnd;
    try {
      return await fetchState({
        ...{ address, security, rank: from, maxBytes: maxStateBytes, firstMs: stallMs, nextMs: silenceMs },
        request: { generation: forming.generation, key: forming.key, rank: ring.rank },
        signal,
      });
    } catch (error) {
      // A rank whose group has ended, or that is gone, answers before rank 0 says so.
      if (!isVitrineError(error) || error.code !== "collective/state")
        await delay(Math.min(VERDICT_MS, silenceMs), undefined, { signal }).catch(() => {});
      throw signal.aborted ? signal.reason : error;
    }
  }

  finish(): void {
    this.#options.finish();
  }

  async close(reason = "it leaves the run"): Promise<void> {
    if (this.#isClosed) return;
    this.#closing.abort(closedHere());
    this.#leave(reason);
    this.#onFormed?.(null);
    await nextTurn();
    this.#line?.close();
    this.#line = null;
    await this.#options.close();
  }
}

/** What was sent within the process has arrived. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
