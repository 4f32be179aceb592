// Error status: which gRPC status an error of ours travels under, and how its code comes back out on the other side.
// The text goes as the status's message, the code as a trailer, so that a stranger's client sees both.

import { type ErrorCode, isVitrineError, VitrineError } from "../runtime/errors.js";

/** Trailer that carries VitrineError.code. */
export const ERROR_CODE_TRAILER = "vitrine-code";

/** google.rpc.Code, as far as we send or read it; the numbers are the wire's. */
export const Status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

const EXACT: Partial<Record<ErrorCode, number>> = {
  "protocol/unknown-model": Status.NOT_FOUND,
  "protocol/unknown-service": Status.NOT_FOUND,
  "protocol/message-size": Status.RESOURCE_EXHAUSTED,
  "network/queue-full": Status.RESOURCE_EXHAUSTED,
  "network/draining": Status.UNAVAILABLE,
  "network/deadline": Status.DEADLINE_EXCEEDED,
  "network/cancelled": Status.CANCELLED,
};

/** Errors of these rooms are the request's fault; all others are the server's. */
const CALLERS_FAULT = ["protocol", "image", "jpeg", "usage"];

/** error → status number. */
export function statusOf(error: unknown): number {
  if (!isVitrineError(error)) return Status.INTERNAL;
  const room = error.code.split("/")[0] as string;
  return EXACT[error.code] ?? (CALLERS_FAULT.includes(room) ? Status.INVALID_ARGUMENT : Status.INTERNAL);
}

/** Codes for statuses that grpc-js or a foreign server made itself. */
const CODE_OF_STATUS: Record<number, ErrorCode> = {
  [Status.CANCELLED]: "network/cancelled",
  [Status.INVALID_ARGUMENT]: "protocol/invalid-argument",
  [Status.DEADLINE_EXCEEDED]: "network/deadline",
  [Status.NOT_FOUND]: "protocol/not-found",
  [Status.RESOURCE_EXHAUSTED]: "network/resource-exhausted",
  [Status.FAILED_PRECONDITION]: "protocol/failed-precondition",
  [Status.UNIMPLEMENTED]: "protocol/unimplemented",
  [Status.INTERNAL]: "network/internal",
  [Status.UNAVAILABLE]: "network/unavailable",
};

function statusName(status: number): string {
  return Object.entries(Status).find(([, number]) => number === status)?.[0] ?? `status ${status}`;
}

/** What a failed call brought back → an error of ours. `codeTrailer` is ERROR_CODE_TRAILER's value, if there is one. */
export function errorFromStatus(
  status: number,
  message: string,
  codeTrailer: string | undefined,
  where: string,
): VitrineError {
  const code = codeTrailer?.includes("/")
    ? (codeTrailer as ErrorCode)
    : (CODE_OF_STATUS[status] ?? "network/failed");
  const text = codeTrailer ? message : `${where}: ${message}`;
  return new VitrineError(code, text, { details: { status: statusName(status), server: where } });
}
