// Unary call: a handler that returns or throws, in place of grpc-js's callback; errors leave with their status and code.

import type { handleUnaryCall, ServerUnaryCall } from "@grpc/grpc-js";
import { toStatus } from "../../proto/error-metadata.js";
import { statusOf } from "../../proto/error-status.js";
import type { RequestLife } from "./batcher.js";

type AnyUnaryCall = Pick<ServerUnaryCall<object, object>, "getDeadline" | "cancelled">;

/** grpc-js gives the deadline as a number or a Date, Infinity where there is none. */
export function requestLife(call: AnyUnaryCall): RequestLife {
  const deadline = call.getDeadline();
  return {
    deadline: deadline instanceof Date ? deadline.getTime() : deadline,
    isCanceled: () => call.cancelled,
  };
}

export function unaryCall<Request, Response>(
  handle: (request: Request, life: RequestLife) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, requestLife(call)));
    } catch (error) {
      callback(toStatus(error, statusOf(error)));
    }
  };
}
