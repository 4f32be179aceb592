// Contract of links: what a ring needs of the streams to its neighbors.

import type { SentFrame } from "../../../proto/collective-codec.js";

/** The stream to the next rank. */
export interface NextLink {
  /** Whether the credit covers a frame with so many bytes of payload. */
  covers(total: boolean, payloadBytes: number): boolean;
  send(frame: SentFrame): void;
  close(): void;
}

/** The stream from the previous rank. */
export interface PreviousLink {
  /** The frame's memory is free again. */
  grant(total: boolean, payloadBytes: number): void;
  close(): void;
}
