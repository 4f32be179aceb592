// Links: the two streams of a rank in the ring. The receiver opens the stream and grants credit; the sender sends no
// frame that the credit does not cover, so that what is held for a rank that computes is bounded.

import { Client, type ClientDuplexStream, type ServerDuplexStream, type ServiceError } from "@grpc/grpc-js";
import {
  ALIVE_FRAME,
  COLLECTIVE_SERVICE,
  type LinkOpen,
  type LinkRequest,
  MAX_LINK_MESSAGE,
  type ReceivedFrame,
  type SentFrame,
} from "../../../proto/collective-codec.js";
import { freeMessage } from "../../../proto/message-memory.js";
import { fromStatus } from "../../../proto/wire-error.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { type ConnectionSecurity, openCredentials } from "../credentials.js";

import { lastErrorOf } from "../last-error.js";
import type { NextLink, PreviousLink } from "./link-contract.js";
import { SilenceWatch } from "./silence.js";

/** Bytes on the way or held, of sums and of totals each. */
const LINK_WINDOW_BYTES = 8 << 20;
/** More is not accepted from a rank that opens a link. */
const MAX_WINDOW_BYTES = 64 << 20;
/** Credit goes back in portions of this many bytes. */
const GRANT_BYTES = 1 << 20;

/** HTTP/2 lets through what the credit allows, so that credit messages and frames never wait for each other. */
const FLOW_CONTROL_WINDOW_BYTES = 3 * LINK_WINDOW_BYTES;

export interface LinkListener {
  /** Milliseconds of silence after which the other side is gone. */
  silenceMs: number;
  onFrame(frame: ReceivedFrame): void;
  /** Once, unless it was closed here. */
  onGone(text: string): void;
}

/** Options of each channel of a rank. */
export const CHANNEL_OPTIONS = {
  // A channel has a connection of its own: heartbeats never wait behind values.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.enable_http_proxy": 0,
};

export const reasonOf = (error: ServiceError): string =>
  fromStatus(error)?.message ?? quote(lastErrorOf(error));

type Call = ClientDuplexStream<LinkRequest, SentFrame | ReceivedFrame>;

class OpenedPrevious implements PreviousLink {
  readonly #client: Client;
  readonly #call: Call;
  /** Bytes that came and were not granted back, and those of them whose memory is free again. */
  readonly #held = [0, 0];
  readonly #owed = [0, 0];
  readonly #watch: SilenceWatch;
  isClosed = false;

  constructor(client: Client, call: Call, silenceMs: number, onSilent: (seconds: number) => void) {
    this.#client = client;
    this.#call = call;
    this.#watch = new SilenceWatch({ silenceMs, onSilent, beat: () => void call.write({}) });
  }

  /** False where the sender has no credit for the frame. */
  hold({ total, payload }: ReceivedFrame): boolean {
    this.#watch.heard();
    const kind = Number(total);
    this.#held[kind] += payload.length;
    return this.#held[kind] <= LINK_WINDOW_BYTES;
  }

  grant(total: boolean, payloadBytes: number): void {
    const kind = Number(total);
    this.#owed[kind] += payloadBytes;
    if (this.isClosed || this.#owed[kind] < GRANT_BYTES) return;
    const bytes = this.#owed[kind];
    this.#owed[kind] = 0;
    this.#held[kind] -= bytes;
    this.#call.write({ credit: total ? { totalBytes: bytes } : { sumBytes: bytes } });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#watch.close();
    this.#call.cancel();
    this.#client.close();
  }
}

/** Opens the link to the previous rank. Rejects with the ServiceError where it does not accept it. */
export function openPrevious(
  address: string,
  security: ConnectionSecurity,
  open: Pick<LinkOpen, "generation" | "key" | "rank">,
  { silenceMs, onFrame, onGone }: LinkListener,
): Promise<PreviousLink> {
  const { channel, metadata, options } = openCredentials(address, security);
  const client = new Client(address, channel, {
    ...options,
    ...CHANNEL_OPTIONS,
    "grpc.max_receive_message_length": MAX_LINK_MESSAGE,
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
  });
  const { path, requestSerialize, responseDeserialize } = COLLECTIVE_SERVICE.Link;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  return new Promise((resolve, reject) => {
    let isOpen = false;
    const link = new OpenedPrevious(client, call, silenceMs, (seconds) => {
      const text = `silent for ${seconds} s`;
      if (isOpen) return gone(text);
      link.close();
      reject(new VitrineError("network/unavailable", text));
    });
    call.once("metadata", () => {
      isOpen = true;
      resolve(link);
    });
    const gone = (text: string): void => {
      if (link.isClosed) return;
      link.close();
      onGone(text);
    };
    call.on("data", (message) => {
      const frame = message as ReceivedFrame;
      if (link.isClosed) return;
      const isHeld = link.hold(frame);
      if (isHeld && frame.count > 0) onFrame(frame);
      else if (!isHeld) gone("it sends more than its credit");
    });
    call.on("error", (error: ServiceError) => {
      if (isOpen) return gone(reasonOf(error));
      link.close();
      reject(error);
    });
    call.on("end", () => isOpen && gone("it ended the connection"));
    call.write({ open: { ...open, sumBytes: LINK_WINDOW_BYTES, totalBytes: LINK_WINDOW_BYTES } });
  });
}

export type LinkCall = ServerDuplexStream<LinkRequest, SentFrame | ReceivedFrame>;

/** The sender's end of a link that the next rank has opened. */
export class AcceptedNext implements NextLink {
  readonly #call: LinkCall;
  readonly #windows: readonly number[];
  readonly #outstanding = [0, 0];
  readonly #watch: SilenceWatch;
  #isClosed = false;

  constructor(call: LinkCall, open: LinkOpen, silenceMs: number, onSilent: (seconds: number) => void) {
    this.#call = call;
    this.#watch = new SilenceWatch({ silenceMs, onSilent, beat: () => void call.write(ALIVE_FRAME) });
    this.#windows = [open.sumBytes ?? 0, open.totalBytes ?? 0].map((bytes) =>
      Math.min(bytes, MAX_WINDOW_BYTES),
    );
  }

  /** False where more credit comes back than was taken. */
  credit({ credit }: LinkRequest): boolean {
    this.#watch.heard();
    const bytes = [credit?.sumBytes ?? 0, credit?.totalBytes ?? 0];
    for (const kind of [0, 1]) this.#outstanding[kind] -= bytes[kind];
    return Math.min(...this.#outstanding) >= 0;
  }

  covers(total: boolean, payloadBytes: number): boolean {
    const kind = Number(total);
    return this.#outstanding[kind] + payloadBytes <= this.#windows[kind];
  }

  send(frame: SentFrame): void {
    this.#outstanding[Number(frame.head.total)] += frame.payloadBytes;
    if (this.#isClosed) return;
    this.#call.write(frame, () => freeMessage(frame.frame));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    this.#call.end();
  }
}
