// Target: an inference server as a load generator sees it, whatever its protocol.

import type { ConnectionFlags } from "../security-options.js";

/** An input of the model, as its metadata describes it. */
export interface ModelInput {
  name: string;
  datatype: string;
  /** −1: any size. */
  shape: readonly number[];
}

export interface ModelDescription {
  name: string;
  version: string;
  inputs: readonly ModelInput[];
}

/** One input of a request with its contents, raw as the Open Inference Protocol has them. */
export interface PreparedInput {
  name: string;
  datatype: string;
  shape: readonly number[];
  raw: Uint8Array;
}

/** How requests ended: `ok`, or the code of the server's error, or the status of the protocol. */
export type Outcome = string;

export const OK: Outcome = "ok";

/** A request whose bytes are ready to be sent. */
export type PreparedRequest = Uint8Array & { readonly prepared: unique symbol };

/** What a server has counted for a model since its start, as ModelStatistics has it. */
export interface ServerCounts {
  requests: number;
  /** Batches that ran. */
  batches: number;
  images: number;
  seconds: { queue: number; input: number; compute: number; output: number };
}

export interface TargetOptions {
  /** HOST:PORT, or a URL for HTTP. */
  address: string;
  model: string;
  /** Empty: the server chooses. */
  version: string;
  /** Connections of gRPC, over which requests take turns. */
  connections: number;
  security: ConnectionFlags;
}

export interface Target {
  readonly protocol: "grpc" | "http";
  describe(): Promise<ModelDescription>;
  /** The same bytes may be sent any number of times. */
  prepare(inputs: readonly PreparedInput[]): PreparedRequest;
  /** Resolves when the answer is there, and never rejects. `deadlineMs` from now. */
  send(request: PreparedRequest, deadlineMs: number): Promise<Outcome>;
  /** Undefined where the server does not count. */
  counts(): Promise<ServerCounts | undefined>;
  close(): void;
}
