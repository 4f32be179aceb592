// Contract of the collective: the ranks of one training run, as the trainer sees them.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ConnectionSecurity } from "../credentials.js";

/** What a rank has sent, received and waited for since its group formed. */
export interface CollectiveStatistics {
  bytesSent: number;
  bytesReceived: number;
  reductions: number;
  /** Seconds between this rank's part in a reduction and the first values of the ranks before it, summed. */
  waitSeconds: number;
  /** The rank for which this one waited longest; null where it waited for none. */
  slowest: number | null;
  /** Its fraction of the wait, 0 … 1. */
  slowestFraction: number;
}

/** One forming of the group. When it ends, everything pending rejects with the reason. */
export interface Group {
  readonly rank: number;
  readonly world: number;
  readonly generation: number;
  /** Why the group has ended; null while it lasts. */
  readonly ended: Error | null;
  /**
   * Sums over all ranks in rank order: into = ((0 + terms of rank 0 in order) + terms of rank 1 …), float32, all [count].
   * `into` may be one of the terms. Terms must not change until the call resolves. All ranks make the same calls with the
   * same count in the same order; several may be in flight. Rejects with `collective/…`.
   */
  allReduce(terms: readonly Float32Array[], into: Float32Array): Promise<void>;
  /** The same for a few float64 numbers, terms [pieces][count] → [count]; the transport rounds nothing. */
  sumScalars(terms: readonly Float64Array[]): Promise<Float64Array>;
  statistics(): CollectiveStatistics;
  /** Ends the group: the others get `collective/peer-left`. The member stays, and may form again. */
  leave(reason?: string): Promise<void>;
}

export interface Formed {
  group: Group;
  /** The rank with the newest state, and the last complete step that it has; -1: none has any. */
  source: number;
  step: number;
}

/** One named part of a rank's state, such as a file of a checkpoint. */
export interface StatePart {
  name: string;
  bytes: Uint8Array;
}

/** A rank of a run, whichever group it is in. */
export interface Member {
  /** HOST:PORT where this rank listens, with the real port. */
  readonly address: string;
  /**
   * Waits until enough ranks are there and makes a group of them. `step`: the last complete step of which this rank has
   * the state; -1: none. Ends the group that it is in. Rejects with `collective/…`; after `collective/peer-…` call it
   * again, and after `collective/finished` never.
   */
  form(offer: { step: number }): Promise<Formed>;
  /** `provider` is called when a rank of the group asks for this one's state, which must not change while it is sent. */
  serveState(provider: () => Promise<readonly StatePart[]>): void;
  /** State of rank `from` of the present group, by name. Rejects with `collective/state` where it is damaged. */
  fetchState(from: number): Promise<Map<string, Uint8Array>>;
  /** On rank 0: the run is over, and `form` of the others rejects with `collective/finished`. On others: nothing. */
  finish(): void;
  /** Leaves the run; the others are told why. */
  close(reason?: string): Promise<void>;
}

/** A gRPC server of a rank. */
export interface ServedCollective {
  /** HOST:PORT with the real port. */
  address: string;
  close(): Promise<void>;
}

/** Serves COLLECTIVE_SERVICE at HOST:PORT (`:PORT` is all interfaces), with TLS and tokens as its maker was told. */
export type ServeCollective = (
  implementation: UntypedServiceImplementation,
  listen: string,
) => Promise<ServedCollective>;

/** How values travel: float16 and bfloat16 round them at every hop, alike on all ranks. */
export type Transport = "float32" | "float16" | "bfloat16";

export interface JoinOptions extends ConnectionSecurity {
  /** HOST:PORT of rank 0. */
  master: string;
  /** 0 serves the rendezvous. Another number is a wish; null: after those with one. A group numbers its ranks from 0. */
  rank: number | null;
  /** Ranks that are wanted; rank 0's number counts. */
  world: number;
  /** Pieces of a batch; the size of every group divides it. Of rank 0's counts. */
  pieces: number;
  /** Seconds to wait for `world` ranks, before those that are there go on, and for rank 0 to answer. */
  waitSeconds: number;
  /** Seconds of silence after which a rank is lost. Default 30. */
  timeoutSeconds?: number;
  /** Seconds for which a reduction may stand still while all ranks are alive. Default 1800. */
  stallSeconds?: number;
  /** What must be the same on all ranks, by name. */
  facts: Readonly<Record<string, string>>;
  /** Default float32. */
  transport?: Transport;
  /** Bytes of state that fetchState accepts. Default: half of the memory. */
  maxStateBytes?: number;
  serve: ServeCollective;
  /** Where this rank listens. Default: for rank 0 the master's port, else a free one. */
  listen?: string;
  /** HOST:PORT where the other ranks reach this one. Default: its port at the address that rank 0 sees it at. */
  advertise?: string;
  /** Receives a sentence when ranks come, are lost, or are waited for. */
  say(line: string): void;
  signal?: AbortSignal;
}
