// Messages between the main thread, the reader threads and the decode threads.

import type { MessagePort } from "node:worker_threads";
import type { ErrorRecord } from "../../../runtime/errors.js";
import type { RemoteCounts, RemoteRead, RemoteSettings } from "./contract.js";

export interface ReaderThreadData {
  settings: RemoteSettings;
  /** Requests at a time. */
  requests: number;
}

/** From the main thread to a reader thread. */
export type ReaderCommand =
  | { kind: "connect"; port: MessagePort }
  | { kind: "count"; id: number }
  | { kind: "close" };

/** From a reader thread to the main thread. */
export type ReaderReport =
  | { kind: "warning"; text: string }
  | { kind: "counts"; id: number; counts: RemoteCounts };

/** From a decode thread to a reader thread. */
export interface ReadMessage {
  id: number;
  request: RemoteRead;
}

/** To the decode thread, which gets the memory of the bytes. */
export type ReadReply = { id: number; bytes: Uint8Array<ArrayBuffer> } | { id: number; error: ErrorRecord };
