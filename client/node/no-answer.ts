// No answer: what grpc-js says in three sentences of a server that it cannot reach, as one error.

import type { ServiceError } from "@grpc/grpc-js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { handshakeError } from "./credentials.js";
import { lastErrorOf } from "./last-error.js";

/** `network/tls` where the handshake failed, else `network/unavailable`. */
export function noAnswer(error: ServiceError, address: string): VitrineError {
  const handshake = handshakeError(address, error.details);
  if (handshake) return handshake;
  const words = lastErrorOf(error);
  // The system's name of the error, such as ECONNREFUSED, is all of its sentence that helps.
  const reason = /\bE[A-Z]{4,}\b/.exec(words)?.[0] ?? quote(words);
  const question =
    words === "Failed to connect"
      ? "it accepts connections and closes them, as a server with TLS does to a client without"
      : 'is "vitrine serve" running there?';
  const text = `no answer from ${address} (${reason}): ${question}`;
  return new VitrineError("network/unavailable", text, { details: { server: address }, cause: error });
}
