// Error status: which gRPC status an error of ours travels under, and what a status means that another server set.

import { status } from "@grpc/grpc-js";
import { type ErrorCode, isVitrineError, VitrineError } from "../runtime/errors.js";

const EXACT: Partial<Record<ErrorCode, status>> = {
  "protocol/unknown-model": status.NOT_FOUND,
  "protocol/unknown-service": status.NOT_FOUND,
  "protocol/message-size": status.RESOURCE_EXHAUSTED,
  "network/queue-full": status.RESOURCE_EXHAUSTED,
  "network/draining": status.UNAVAILABLE,
  "network/deadline": status.DEADLINE_EXCEEDED,
  "network/canceled": status.CANCELLED,
  "device/lost": status.UNAVAILABLE,
  "device/unavailable": status.UNAVAILABLE,
};

/** Errors of these rooms are the request's fault; all others are the server's. */
const CALLERS_FAULT = ["protocol", "image", "jpeg", "usage"];

/** error → the status that an inference call ends with. */
export function statusOf(error: unknown): status {
  if (!isVitrineError(error)) return status.INTERNAL;
  const room = error.code.split("/")[0] as string;
  return EXACT[error.code] ?? (CALLERS_FAULT.includes(room) ? status.INVALID_ARGUMENT : status.INTERNAL);
}

/** Codes for statuses that grpc-js or a foreign server set. */
const CODE_OF_STATUS: Partial<Record<status, ErrorCode>> = {
  [status.CANCELLED]: "network/canceled",
  [status.INVALID_ARGUMENT]: "protocol/invalid-argument",
  [status.DEADLINE_EXCEEDED]: "network/deadline",
  [status.NOT_FOUND]: "protocol/not-found",
  [status.RESOURCE_EXHAUSTED]: "network/resource-exhausted",
  [status.FAILED_PRECONDITION]: "protocol/failed-precondition",
  [status.UNIMPLEMENTED]: "protocol/unimplemented",
  [status.INTERNAL]: "network/internal",
  [status.UNAVAILABLE]: "network/unavailable",
};

/** A status without an error of ours in it → error; `where` is the server's address. */
export function errorOfStatus(code: status, text: string, where: string): VitrineError {
  return new VitrineError(CODE_OF_STATUS[code] ?? "network/failed", `${where}: ${text}`, {
    details: { status: status[code] ?? String(code), server: where },
  });
}
