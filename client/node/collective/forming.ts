// Forming: what rank 0 says about a group that forms, and how a rank of it proves to another one that it is.

import { timingSafeEqual } from "node:crypto";
import type { FormedMessage, LinkOpen } from "../../../proto/collective-codec.js";
import { VitrineError } from "../../../runtime/errors.js";

export interface Forming {
  generation: number;
  /** Sixteen bytes that only the ranks of the group know. */
  key: Uint8Array;
  rank: number;
  /** In the order of the ranks. */
  addresses: readonly string[];
  source: number;
  step: number;
}

/** Throws `protocol/answer` for a message that lacks what a group needs. */
export function readFormed(message: FormedMessage, master: string): Forming {
  const [generation, rank, source] = [message.generation ?? 0, message.rank ?? 0, message.source ?? 0];
  const [key, peers, step] = [message.key ?? new Uint8Array(), message.peers ?? [], message.step ?? -1];
  if (key.length !== 16 || rank >= peers.length || source >= peers.length)
    throw new VitrineError(
      "protocol/answer",
      `${master} forms a group of ${peers.length} with rank ${rank} in it`,
    );
  return { generation, key, rank, source, step, addresses: peers.map(({ address }) => address || master) };
}

/** Throws `collective/mismatch` where a caller does not show the key of the present group. */
export function checkCaller(forming: Forming | null, caller: LinkOpen): Forming {
  const [generation, key] = [caller.generation ?? 0, caller.key ?? new Uint8Array()];
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
