// HTTP status: the status code of an error over HTTP, from the gRPC status of the same error. wire-error.ts has the
// one table of codes; the codes below are those for which HTTP has a more exact status.

import { status } from "@grpc/grpc-js";
import { type ErrorCode, isVitrineError } from "../runtime/errors.js";
import { statusOf } from "./wire-error.js";

/** Every status of gRPC, close to what google.rpc.Code says; a canceled request has nginx's 499. */
const HTTP_OF_STATUS: Readonly<Record<status, number>> = {
  [status.OK]: 200,
  [status.CANCELLED]: 499,
  [status.UNKNOWN]: 500,
  [status.INVALID_ARGUMENT]: 400,
  [status.DEADLINE_EXCEEDED]: 504,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.PERMISSION_DENIED]: 403,
  // A full queue is the server's state, of which 503 tells proxies to try another server; 429 is for one client's rate.
  [status.RESOURCE_EXHAUSTED]: 503,
  [status.FAILED_PRECONDITION]: 409,
  [status.ABORTED]: 409,
  [status.OUT_OF_RANGE]: 400,
  [status.UNIMPLEMENTED]: 501,
  [status.INTERNAL]: 500,
  [status.UNAVAILABLE]: 503,
  [status.DATA_LOSS]: 500,
  [status.UNAUTHENTICATED]: 401,
};

const HTTP_OF_CODE: Partial<Record<ErrorCode, number>> = {
  "network/forbidden": 403,
  "network/rate-limited": 429,
  "protocol/not-found": 404,
  "protocol/message-size": 413,
  "protocol/media-type": 415,
  "protocol/method-not-allowed": 405,
};

/** error of an inference → HTTP status. */
export function httpStatusOf(error: unknown): number {
  const exact = isVitrineError(error) ? HTTP_OF_CODE[error.code] : undefined;
  return exact ?? HTTP_OF_STATUS[statusOf(error, "inference")];
}
