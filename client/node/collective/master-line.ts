// Master line: a member's connection to the rendezvous, over the network or, on rank 0, within the process.

import { Client, type ServiceError, status } from "@grpc/grpc-js";
import {
  COLLECTIVE_SERVICE,
  type HelloMessage,
  MAX_MASTER_MESSAGE,
  type MasterMessage,
  type MemberMessage,
} from "../../../proto/collective-codec.js";
import { errorOfStatus, fromStatus } from "../../../proto/wire-error.js";
import { VitrineError } from "../../../runtime/errors.js";
import { type ConnectionSecurity, handshakeError, openCredentials, probeHandshake } from "../credentials.js";
import { CHANNEL_OPTIONS, reasonOf } from "./links.js";
import type { Rendezvous } from "./rendezvous.js";
import { SilenceWatch } from "./silence.js";

export interface MasterLine {
  send(message: MemberMessage): void;
  close(): void;
}

export interface LineListener {
  onMessage(message: MasterMessage): void;
  /** Once, unless the line was closed here; `text` says what happened to rank 0. */
  onGone(text: string): void;
}

/** On rank 0. What is sent arrives after the sender's own code has run, as over a network. */
export function openLocalLine(
  rendezvous: Rendezvous,
  hello: HelloMessage,
  listener: LineListener,
): MasterLine {
  const seat = rendezvous.admit(hello, {
    isMaster: true,
    address: "",
    send: (message) => queueMicrotask(() => listener.onMessage(message)),
    close: () => {},
  });
  return {
    send: (message) => queueMicrotask(() => rendezvous.receive(seat, message)),
    close: () => rendezvous.remove(seat, "it has closed"),
  };
}

/** Silence that a rendezvous may ask for. */
const SILENCE_MS = { least: 20, most: 3_600_000 };

/** True where the rendezvous may answer later: it is yet to start, or starts again. */
export function isAway(error: unknown): error is VitrineError {
  return error instanceof VitrineError && error.code === "network/unavailable";
}

const AWAY = new Set([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL, status.DEADLINE_EXCEEDED]);

async function refusal(error: ServiceError, address: string, tls: Parameters<typeof probeHandshake>[1]) {
  const sent = fromStatus(error);
  if (sent && !sent.code.startsWith("network/")) return sent;
  if (sent?.code === "network/unauthenticated")
    return new VitrineError(sent.code, `${address}: ${sent.message}`, { details: { server: address } });
  if (!AWAY.has(error.code)) return sent ?? errorOfStatus(error.code, error.details, address);
  const handshake =
    (tls && handshakeError(address, error.details)) ||
    (/Failed to connect|ECONNRESET|EPIPE|socket/i.test(error.details) &&
      (await probeHandshake(address, tls)));
  if (handshake) return handshake;
  return new VitrineError("network/unavailable", reasonOf(error), {
    details: { server: address },
    cause: error,
  });
}

/**
 * Resolves when the rendezvous has welcomed the member. Rejects with the reason that it gives, with `network/unavailable`
 * where there is no answer within `openMs`, and with what `openCredentials` throws.
 */
export function openMasterLine(
  address: string,
  security: ConnectionSecurity,
  hello: HelloMessage,
  openMs: number,
  { onMessage, onGone }: LineListener,
): Promise<MasterLine> {
  const { channel, metadata, options, tls } = openCredentials(address, security);
  const client = new Client(address, channel, {
    ...options,
    ...CHANNEL_OPTIONS,
    "grpc.max_receive_message_length": MAX_MASTER_MESSAGE,
  });
  const { path, requestSerialize, responseDeserialize } = COLLECTIVE_SERVICE.Join;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  let watch: SilenceWatch | null = null;
  let isClosed = false;
  const stop = (): void => {
    isClosed = true;
    watch?.close();
    call.cancel();
    client.close();
  };
  const gone = (text: string): void => {
    if (isClosed) return;
    stop();
    onGone(text);
  };
  const line: MasterLine = {
    send: (message) => void (isClosed || call.write(message)),
    close() {
      if (isClosed) return;
      isClosed = true;
      watch?.close();
      // What was sent last, such as that this member leaves, goes out first.
      call.end();
      setTimeout(() => client.close(), 0);
    },
  };
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      stop();
      reject(new VitrineError("network/unavailable", "no answer", { details: { server: address } }));
    }, openMs);
    call.on("data", (message: MasterMessage) => {
      if (isClosed) return;
      watch?.heard();
      if (watch) return onMessage(message);
      if (!message.welcome) return;
      clearTimeout(limit);
      const silenceMs = Math.min(SILENCE_MS.most, Math.max(SILENCE_MS.least, message.welcome.silenceMs ?? 0));
      watch = new SilenceWatch({
        silenceMs,
        beat: () => line.send({ alive: {} }),
        onSilent: (seconds) => gone(`silent for ${seconds} s`),
      });
      resolve(line);
    });
    call.on("error", (error: ServiceError) => {
      clearTimeout(limit);
      if (watch) return gone(`the connection closed (${reasonOf(error)})`);
      stop();
      void refusal(error, address, tls).then(reject);
    });
    call.on("end", () => watch && gone("it ended the connection"));
    call.write({ hello });
  });
}
