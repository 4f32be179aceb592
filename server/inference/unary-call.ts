// Unary call: a handler that returns or throws, in place of grpc-js's callback; errors leave with their status and code.

import { type handleUnaryCall, Metadata, type ServerUnaryCall } from "@grpc/grpc-js";
import { ERROR_CODE_TRAILER, statusOf } from "../../proto/error-status.js";
import { toErrorRecord } from "../../runtime/errors.js";
import type { RequestLife } from "./batcher.js";

type AnyUnaryCall = Pick<ServerUnaryCall<object, object>, "getDeadline" | "cancelled">;

/** grpc-js gives the deadline as a number or a Date, Infinity where there is none. */
export function requestLife(call: AnyUnaryCall): RequestLife {
  const deadline = call.getDeadline();
  return {
    deadline: deadline instanceof Date ? deadline.getTime() : deadline,
    isCancelled: () => call.cancelled,
  };
}

/** error → what grpc-js sends: status, one line of text, and the code as a trailer. */
export function failureStatus(error: unknown): { code: number; details: string; metadata: Metadata } {
  const record = toErrorRecord(error);
  const metadata = new Metadata();
  metadata.set(ERROR_CODE_TRAILER, record.code);
  return { code: statusOf(error), details: record.message.replaceAll("\n", " "), metadata };
}

export function unaryCall<Request, Response>(
  handle: (request: Request, life: RequestLife) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, requestLife(call)));
    } catch (error) {
      callback(failureStatus(error));
    }
  };
}
