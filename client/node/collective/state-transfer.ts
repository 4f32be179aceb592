// State transfer: a rank's state to another one: names and sizes first, which are checked before any memory is taken, then
// the bytes of all parts, then a digest of everything.

import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { Client, type ServerWritableStream, type ServiceError } from "@grpc/grpc-js";
import {
  COLLECTIVE_SERVICE,
  MAX_STATE_MESSAGE,
  STATE_CHUNK_BYTES,
  type StateMessage,
  type StateRequest,
} from "../../../proto/collective-codec.js";
import { fromStatus } from "../../../proto/wire-error.js";
import { formatBytes } from "../../../runtime/bytes.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { type ConnectionSecurity, openCredentials } from "../credentials.js";
import type { StatePart } from "./contract.js";
import { CHANNEL_OPTIONS, reasonOf } from "./links.js";

export type StateCall = ServerWritableStream<StateRequest, StateMessage>;

/** Parts of a state: tensor files and their descriptions. */
const MAX_PARTS = 10_000;

type Declared = { name: string; size: number };

function digestOf(parts: readonly Declared[]): Hash {
  return createHash("sha256").update(JSON.stringify(parts.map(({ name, size }) => [name, size])));
}

function damaged(text: string): VitrineError {
  return new VitrineError("collective/state", text);
}

/** Resolves when everything is written, or the other side is gone. */
export async function sendState(call: StateCall, parts: readonly StatePart[]): Promise<void> {
  const gone = new AbortController();
  call.once("cancelled", () => gone.abort());
  call.once("close", () => gone.abort());
  const write = async (message: StateMessage): Promise<void> => {
    if (gone.signal.aborted || call.write(message)) return;
    await once(call, "drain", { signal: gone.signal }).catch(() => {});
  };
  const declared = parts.map(({ name, bytes }) => ({ name, size: bytes.length }));
  const digest = digestOf(declared);
  await write({ parts: { parts: declared } });
  for (const { bytes } of parts)
    for (let at = 0; at < bytes.length && !gone.signal.aborted; at += STATE_CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + STATE_CHUNK_BYTES);
      digest.update(chunk);
      await write({ bytes: chunk });
    }
  await write({ digest: digest.digest() });
  call.end();
}

/** Throws `collective/state` where this version of Node has no array of that size. */
function allocate({ name, size }: Declared): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch {
    throw damaged(`${quote(name)} of ${formatBytes(size)} is larger than an array may be`);
  }
}

/** The parts of a state as they arrive. */
class StateReader {
  readonly #maxBytes: number;
  readonly #parts = new Map<string, Uint8Array>();
  #declared: Declared[] | null = null;
  #digest: Hash | null = null;
  /** The part that comes next, and its bytes that are there. */
  #part = 0;
  #filled = 0;
  isComplete = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get parts(): Map<string, Uint8Array> {
    return this.#parts;
  }

  add({ parts, bytes, digest }: StateMessage): void {
    if (this.isComplete) throw damaged("bytes follow the digest");
    if (parts)
      this.#declare((parts.parts ?? []).map(({ name, size }) => ({ name: name ?? "", size: size ?? 0 })));
    else if (bytes?.length) this.#fill(bytes);
    else if (digest?.length) this.#finish(digest);
  }

  #declare(declared: Declared[]): void {
    if (this.#declared) throw damaged("the parts are declared twice");
    const total = declared.reduce((sum, { size }) => sum + size, 0);
    if (declared.length > MAX_PARTS || !(total <= this.#maxBytes))
      throw damaged(
        `${declared.length} parts of ${formatBytes(total)}; allowed: ${MAX_PARTS} of ${formatBytes(this.#maxBytes)} in all`,
      );
    if (new Set(declared.map(({ name }) => name)).size < declared.length)
      throw damaged("two parts have one name");
    this.#declared = declared;
    this.#digest = digestOf(declared);
    this.#skipFull();
  }

  /** Parts without bytes have no messages. */
  #skipFull(): void {
    for (let part = this.#declared?.[this.#part]; part?.size === this.#filled; ) {
      if (part.size === 0) this.#parts.set(part.name, new Uint8Array(0));
      this.#filled = 0;
      part = this.#declared?.[++this.#part];
    }
  }

  #fill(bytes: Uint8Array): void {
    const part = this.#declared?.[this.#part];
    if (!part) throw damaged("more bytes than the parts have");
    if (this.#filled + bytes.length > part.size)
      throw damaged(`${quote(part.name)} has more than its ${part.size} bytes`);
    const place = this.#parts.get(part.name) ?? allocate(part);
    this.#parts.set(part.name, place);
    place.set(bytes, this.#filled);
    this.#digest?.update(bytes);
    this.#filled += bytes.length;
    this.#skipFull();
  }

  #finish(digest: Uint8Array): void {
    if (!this.#declared || !this.#digest) throw damaged("the digest comes before the parts");
    const missing = this.#declared[this.#part];
    if (missing) throw damaged(`${quote(missing.name)} has ${this.#filled} of its ${missing.size} bytes`);
    if (!this.#digest.digest().equals(digest))
      throw damaged("the bytes do not have the digest that was sent with them");
    this.isComplete = true;
  }
}

export interface FetchOptions {
  address: string;
  rank: number;
  security: ConnectionSecurity;
  request: StateRequest;
  maxBytes: number;
  /** Milliseconds for the first message, and between two of the others. */
  firstMs: number;
  nextMs: number;
  signal: AbortSignal;
}

/** Rejects with `collective/state`, `collective/peer-lost`, the other side's error, or the signal's. */
export async function fetchState(options: FetchOptions): Promise<Map<string, Uint8Array>> {
  const { address, rank, security, request, maxBytes, firstMs, nextMs, signal } = options;
  const { channel, metadata, options: channelOptions } = openCredentials(address, security);
  const client = new Client(address, channel, {
    ...channelOptions,
    ...CHANNEL_OPTIONS,
    "grpc.max_receive_message_length": MAX_STATE_MESSAGE,
    "grpc-node.flow_control_window": 16 * STATE_CHUNK_BYTES,
  });
  const { path, requestSerialize, responseDeserialize } = COLLECTIVE_SERVICE.FetchState;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  const details = { rank, address };
  const from = `the state of rank ${rank} (${quote(address)})`;
  let failure: Error | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    call.cancel();
  };
  const late = (): void =>
    fail(new VitrineError("collective/peer-lost", `${from} does not come any further`, { details }));
  let timer = setTimeout(late, firstMs);
  const abort = (): void => fail(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const reader = new StateReader(maxBytes);
  try {
    for await (const message of call) {
      clearTimeout(timer);
      timer = setTimeout(late, nextMs);
      reader.add(message as StateMessage);
    }
    if (!reader.isComplete) throw damaged("it ends before its digest");
    return reader.parts;
  } catch (error) {
    if (failure) throw failure;
    if (error instanceof VitrineError)
      throw new VitrineError(error.code, `${from}: ${error.message}`, { details });
    const status = error as ServiceError;
    throw (
      fromStatus(status) ??
      new VitrineError("collective/peer-lost", `${from}: ${reasonOf(status)}`, { details, cause: error })
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    call.cancel();
    client.close();
  }
}
