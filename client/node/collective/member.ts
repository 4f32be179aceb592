// Member: one rank of a run. It keeps the line to rank 0, and makes a ring of each group that forms.

import { timingSafeEqual } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Metadata } from "@grpc/grpc-js";
import {
  Cause,
  type Element,
  type EndedMessage,
  type FormedMessage,
  FRAME_BYTES,
  type HelloMessage,
  type LinkOpen,
  type MasterMessage,
} from "../../../proto/collective-codec.js";
import { toStatus } from "../../../proto/wire-error.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { ConnectionSecurity } from "../credentials.js";
import type { Formed, Member, StatePart } from "./contract.js";
import { closedHere, endedError } from "./errors.js";
import { AcceptedNext, type LinkCall, openPrevious } from "./links.js";
import { isAway, type LineListener, type MasterLine } from "./master-line.js";
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
  /** Called once, after the line is closed. */
  close(): Promise<void>;
  say(line: string): void;
}

/** Waits between two tries to reach another rank. */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;

/** How long a rank that cannot reach another one waits for rank 0 to say what happened. */
const VERDICT_MS = 5_000;

/** What a Formed message must have. */
interface Forming {
  generation: number;
  key: Uint8Array;
  rank: number;
  addresses: readonly string[];
  source: number;
  step: number;
}

/** Throws `protocol/answer`. */
function readFormed(message: FormedMessage, master: string): Forming {
  const [generation, rank, source] = [message.generation ?? 0, message.rank ?? 0, message.source ?? 0];
  const [key, peers, step] = [message.key ?? new Uint8Array(), message.peers ?? [], message.step ?? -1];
  if (key.length !== 16 || rank >= peers.length || source >= peers.length)
    throw new VitrineError(
      "protocol/answer",
      `${master} forms a group of ${peers.length} with rank ${rank} in it`,
    );
  return { generation, key, rank, source, step, addresses: peers.map(({ address }) => address || master) };
}

export class RunMember implements Member {
  readonly address: string;
  readonly #options: MemberOptions;
  #line: MasterLine | null = null;
  #isClosed = false;
  #generation: number;
  #forming: Forming | null = null;
  #ring: Ring | null = null;
  /** Aborted when the present group ends. */
  #groupEnd = new AbortController();
  /** Called with the group that forms, or null where the line is gone. */
  #onFormed: ((message: FormedMessage | null) => void) | null = null;
  /** The link that the next rank opened. */
  #next: AcceptedNext | null = null;
  #onNext: (() => void) | null = null;
  #provider: (() => Promise<readonly StatePart[]>) | null = null;

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
    const { waitMs, master, say } = this.#options;
    const start = performance.now();
    for (let retryMs = FIRST_RETRY_MS, isFirst = true; ; isFirst = false) {
      if (this.#isClosed) throw closedHere();
      try {
        const line = await this.#tryLine();
        if (this.#isClosed) {
          line.close();
          throw closedHere();
        }
        return (this.#line = line);
      } catch (error) {
        if (!isAway(error)) throw error;
        const leftMs = start + waitMs - performance.now();
        if (leftMs <= 0)
          throw new VitrineError(
            "collective/timeout",
            `rank 0 did not answer at ${master} for ${waitMs / 1000} s (${error.message})`,
            { details: { server: master, seconds: waitMs / 1000 }, cause: error },
          );
        if (isFirst) say(`waiting for rank 0 at ${master} (${error.message}), up to ${waitMs / 1000} s`);
        await delay(Math.min(retryMs, Math.ceil(leftMs)));
        retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 1.6);
      }
    }
  }

  #tryLine(): Promise<MasterLine> {
    const { hello, openLine } = this.#options;
    return openLine(
      { ...hello, generation: this.#generation },
      { onMessage: (message) => this.#receive(message), onGone: (text) => this.#loseMaster(text) },
    );
  }

  #receive({ formed, ended }: MasterMessage): void {
    if (formed) this.#onFormed?.(formed);
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
    this.#next = null;
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
      const line = await this.#openLine();
      const message = await this.#offer(line, step, deadline);
      if (message) return await this.#connectRing(readFormed(message, this.#options.master));
      if (this.#isClosed) throw closedHere();
    }
  }

  /** Resolves to null where the line is gone. */
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
    if (ring.world > 1) await this.#connectLinks(ring, forming);
    return { group: ring, source, step };
  }

  async #connectLinks(ring: Ring, forming: Forming): Promise<void> {
    const { signal } = this.#groupEnd;
    const next = new Promise<void>((resolve) => {
      this.#onNext = resolve;
    });
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    let isOpen = false;
    const limit = setTimeout(() => {
      const rank = isOpen ? ring.nextRank : ring.previousRank;
      this.#fail(ring, { cause: Cause.CAUSE_LOST, rank, text: `no connection with rank ${ring.rank}` });
    }, this.#options.silenceMs);
    try {
      const previous = await Promise.race([this.#openPrevious(ring, forming, signal), ended]);
      isOpen = true;
      await Promise.race([next, ended]);
      if (this.#next) ring.connect(previous, this.#next);
    } finally {
      clearTimeout(limit);
      this.#onNext = null;
    }
  }

  /** The previous rank may learn of the group, or listen, a moment later. */
  async #openPrevious(ring: Ring, forming: Forming, signal: AbortSignal) {
    const { generation, key, addresses } = forming;
    const address = addresses[ring.previousRank];
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 1.6)) {
      try {
        const previous = await openPrevious(
          address,
          this.#options.security,
          { generation, key, rank: ring.rank },
          {
            silenceMs: this.#options.silenceMs,
            onFrame: (frame) => ring.receive(frame),
            onGone: (text) => this.#loseLink(ring, ring.previousRank, text),
          },
        );
        if (signal.aborted) previous.close();
        return previous;
      } catch (error) {
        if (error instanceof VitrineError && !isAway(error)) throw error;
        if (signal.aborted) throw signal.reason;
        await delay(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  #loseLink(ring: Ring, rank: number, text: string): void {
    this.#fail(ring, {
      cause: Cause.CAUSE_LOST,
      rank,
      text: `its connection with rank ${ring.rank} closed (${text})`,
    });
  }

  /** Rank 0 decides why a group ends, so that all ranks give the same reason; without it, what this rank saw is. */
  #fail(ring: Ring, report: Pick<EndedMessage, "cause" | "rank" | "text">): void {
    if (ring !== this.#ring || ring.ended) return;
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

  /** Throws `collective/mismatch` where a caller shows no key of the present group. */
  #checkCaller(caller: LinkOpen): Forming {
    const [generation, key] = [caller.generation ?? 0, caller.key ?? new Uint8Array()];
    const forming = this.#forming;
    const fits =
      forming !== null &&
      generation === forming.generation &&
      key.length === forming.key.length &&
      timingSafeEqual(key, forming.key) &&
      (caller.rank ?? 0) < forming.addresses.length;
    if (fits) return forming;
    throw new VitrineError(
      "collective/mismatch",
      `a rank of generation ${generation} calls; here it is ${forming?.generation ?? "none"}`,
      { details: { generation, here: forming?.generation ?? 0 } },
    );
  }

  /** For a call of Link. */
  acceptLink(call: LinkCall): void {
    let accepted: { ring: Ring; link: AcceptedNext } | null = null;
    const refuse = (error: unknown): void => {
      clearTimeout(limit);
      accepted?.link.close();
      call.emit("error", toStatus(error, "collective"));
    };
    const limit = setTimeout(
      () => refuse(new VitrineError("protocol/malformed", "the first message did not come")),
      this.#options.silenceMs,
    );
    const gone = (text: string): void => {
      clearTimeout(limit);
      if (!accepted || accepted.link.isClosed) return;
      accepted.link.close();
      this.#loseLink(accepted.ring, accepted.ring.nextRank, text);
    };
    call.on("data", (request) => {
      if (accepted) {
        if (accepted.link.credit(request)) accepted.ring.pump();
        else
          this.#fail(accepted.ring, {
            cause: Cause.CAUSE_MISMATCH,
            rank: accepted.ring.nextRank,
            text: "credit",
          });
        return;
      }
      try {
        accepted = this.#accept(request.open ?? {}, call, gone);
        clearTimeout(limit);
      } catch (error) {
        refuse(error);
      }
    });
    call.on("cancelled", () => gone("it ended the connection"));
    call.on("error", () => gone("the connection broke"));
    call.on("end", () => gone("it ended the connection"));
  }

  #accept(open: LinkOpen, call: LinkCall, gone: (text: string) => void): { ring: Ring; link: AcceptedNext } {
    this.#checkCaller(open);
    const ring = this.#ring;
    if (!ring || open.rank !== ring.nextRank || this.#next)
      throw new VitrineError("collective/mismatch", `rank ${open.rank} has no link to open here`);
    const least = Math.min(open.sumBytes ?? 0, open.totalBytes ?? 0);
    if (least < FRAME_BYTES)
      throw new VitrineError(
        "collective/mismatch",
        `a window of ${least} bytes; allowed: ${FRAME_BYTES} or more`,
      );
    const link = new AcceptedNext(call, open, this.#options.silenceMs, (seconds) =>
      gone(`silent for ${seconds} s`),
    );
    this.#next = link;
    call.sendMetadata(new Metadata());
    this.#onNext?.();
    return { ring, link };
  }

  serveState(provider: () => Promise<readonly StatePart[]>): void {
    this.#provider = provider;
  }

  /** For a call of FetchState. */
  async sendState(call: StateCall): Promise<void> {
    try {
      this.#checkCaller(call.request);
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
    return fetchState({
      ...{ address, security, rank: from, maxBytes: maxStateBytes, firstMs: stallMs, nextMs: silenceMs },
      request: { generation: forming.generation, key: forming.key, rank: ring.rank },
      signal: this.#groupEnd.signal,
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave("it leaves the run");
    this.#onFormed?.(null);
    await nextTurn();
    this.#line?.close();
    this.#line = null;
    await this.#options.close();
  }
}

/** What was sent within the process has arrived. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
