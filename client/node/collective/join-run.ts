// Joins a run: this rank's server, on rank 0 the rendezvous, and the member that the trainer uses.

import { totalmem } from "node:os";
import { checkHttpAddress, hostOf, isLocalAddress, portOf } from "../../../proto/address.js";
import { Element } from "../../../proto/collective-codec.js";
import { toStatus } from "../../../proto/wire-error.js";
import { checkRank } from "../../../runtime/draw/ranks.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { JoinOptions, Member, ServedCollective, Transport } from "./contract.js";
import { type JoinCall, serveJoin } from "./join-call.js";
import type { LinkCall } from "./links.js";
import { openLocalLine, openMasterLine } from "./master-line.js";
import { RunMember } from "./member.js";
import { Rendezvous } from "./rendezvous.js";
import type { StateCall } from "./state-transfer.js";

const ELEMENTS: Readonly<Record<Transport, Element>> = {
  float32: Element.ELEMENT_FLOAT32,
  float16: Element.ELEMENT_FLOAT16,
  bfloat16: Element.ELEMENT_BFLOAT16,
};

const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_STALL_SECONDS = 1800;

/** Changes when ranks of two versions could not work together. */
const PROTOCOL = "1";

function checkWorld(world: number, pieces: number): void {
  checkRank({ world });
  if (Number.isSafeInteger(pieces) && pieces > 0 && pieces % world === 0) return;
  throw new VitrineError(
    "collective/world",
    `${world} ranks cannot divide ${pieces} pieces of a batch: their number must divide that of the pieces (--pieces)`,
    { details: { world, pieces } },
  );
}

/** A timer runs for 24 days at most. */
const MAX_SECONDS = 1_000_000;

function millisecondsOf(name: string, seconds: number, least: number): number {
  if (seconds >= least && seconds <= MAX_SECONDS) return seconds * 1000;
  throw new VitrineError(
    "usage/number",
    `${name} is ${seconds}; allowed: ${least} to ${MAX_SECONDS} seconds`,
  );
}

/** Half of the memory, or of what a container may use. */
function defaultStateBytes(): number {
  const allowed = process.constrainedMemory();
  return Math.floor(Math.min(totalmem(), allowed > 0 ? allowed : Number.POSITIVE_INFINITY) / 2);
}

/** Rank 0 listens where the others look for it; another one on this machine alone where rank 0 is on it. */
function listenAddress({ listen, master, rank }: JoinOptions): string {
  if (listen !== undefined) return listen;
  if (isLocalAddress(master)) return rank === 0 ? master : `${hostOf(master)}:0`;
  return rank === 0 ? `:${portOf(master)}` : ":0";
}

/** Where others reach this rank: without `advertise`, its port at the address that rank 0 sees it at. */
function advertised({ advertise }: JoinOptions, served: ServedCollective): string {
  if (advertise === undefined) return `:${portOf(served.address)}`;
  return portOf(advertise) === 0
    ? `${advertise.slice(0, advertise.lastIndexOf(":"))}:${portOf(served.address)}`
    : advertise;
}

/**
 * Joins the run of rank 0, which may start up to `waitSeconds` later; the member then forms groups. Rank 0 serves the
 * rendezvous. Throws `collective/facts`, `collective/timeout`, `collective/world`, `usage/…` and `network/…`, and then
 * leaves nothing running.
 */
export async function joinRun(options: JoinOptions): Promise<Member> {
  const { master, rank, world, pieces, waitSeconds, transport = "float32", say, signal } = options;
  const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, stallSeconds = DEFAULT_STALL_SECONDS } = options;
  checkHttpAddress(master, "--master");
  if (options.advertise !== undefined) checkHttpAddress(options.advertise, "--advertise");
  if (rank === 0) checkWorld(world, pieces);
  signal?.throwIfAborted();
  const waitMs = millisecondsOf("waitSeconds", waitSeconds, 0);
  const silenceMs = millisecondsOf("timeoutSeconds", timeoutSeconds, 0.1);
  const stallMs = millisecondsOf("stallSeconds", stallSeconds, 0.1);
  const facts = { ...options.facts, protocol: PROTOCOL, transport };
  const rendezvous = rank === 0 ? new Rendezvous({ facts, world, pieces, waitMs, silenceMs, say }) : null;
  let member: RunMember | null = null;
  const served = await options.serve(
    {
      Join: (call: JoinCall) => {
        if (rendezvous) serveJoin(call, rendezvous, silenceMs);
        else call.emit("error", toStatus(notMaster(), "collective"));
      },
      Link: (call: LinkCall) => member?.acceptLink(call),
      FetchState: (call: StateCall) => member?.sendState(call),
    },
    listenAddress(options),
  );
  const hello = { ...(rank !== null && { rank }), address: advertised(options, served), facts };
  const joined = new RunMember({
    address: served.address,
    master: rendezvous ? served.address : master,
    security: options,
    hello,
    element: ELEMENTS[transport],
    ...{ waitMs, silenceMs, stallMs, say },
    maxStateBytes: options.maxStateBytes ?? defaultStateBytes(),
    openLine: async (greeting, listener) =>
      rendezvous
        ? openLocalLine(rendezvous, greeting, listener)
        : openMasterLine(master, options, greeting, silenceMs, listener),
    finish: () => rendezvous?.finish(),
    async close() {
      rendezvous?.close();
      await served.close();
    },
  });
  member = joined;
  const abort = (): void => void joined.close();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await joined.connect();
    return joined;
  } catch (error) {
    signal?.removeEventListener("abort", abort);
    await joined.close();
    throw error;
  }
}

const notMaster = (): VitrineError =>
  new VitrineError("protocol/unimplemented", "this rank is not rank 0, where the others join (--master)");
