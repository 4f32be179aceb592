// Unary call: a handler that returns or throws, in place of grpc-js's callback. Every error, also one of grpc-js
// itself, leaves with our status, code and text.

import {
  type handleUnaryCall,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import { toStatus } from "../proto/wire-error.js";
import { VitrineError } from "../runtime/errors.js";
import { lifeOfCall, type RequestLife } from "./request-life.js";

export function unaryCall<Request, Response>(
  handle: (
    request: Request,
    life: RequestLife,
    call: ServerUnaryCall<Request, Response>,
  ) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, lifeOfCall(call), call));
    } catch (error) {
      callback(toStatus(error, "inference"));
    }
  };
}

const TOO_LARGE = /^Received message larger than max \((\d+) vs (\d+)\)/;
const TOO_LARGE_UNPACKED = /^Received message that decompresses to a size larger than (\d+)/;
const WRONG_TIMEOUT = /^Invalid grpc-timeout value/;
const MALFORMED = /^Error deserializing request/;

function tooLarge(size: string, limit: string): VitrineError {
  const text =
    `the request has ${size} bytes; allowed: ${limit}. Send fewer images in a request, or start the server ` +
    "with a larger --max-message-bytes";
  return new VitrineError("protocol/message-size", text);
}

/** A refusal by grpc-js → ours, or undefined for a status that our handlers made. */
function typedRefusal(code: status | null | undefined, text: string): VitrineError | undefined {
  if (code === status.RESOURCE_EXHAUSTED) {
    const packed = TOO_LARGE.exec(text);
    if (packed) return tooLarge(packed[1], packed[2]);
    const unpacked = TOO_LARGE_UNPACKED.exec(text);
    if (unpacked) return tooLarge(`more than ${unpacked[1]} decompressed`, unpacked[1]);
  }
  if (code === status.INTERNAL && MALFORMED.test(text)) {
    const reason =
      "the request's bytes are not a message of this call (see proto/inference.proto), or too many for one without tensors";
    return new VitrineError("protocol/malformed", reason);
  }
  if (code === status.INTERNAL && WRONG_TIMEOUT.test(text)) {
    const reason = "grpc-timeout is not a number of up to 8 digits with a unit, H, M, S, m, u or n";
    return new VitrineError("protocol/malformed", reason);
  }
  return undefined;
}

/**
 * Refuses a request that is too large, not protobuf, or of a wrong deadline with our codes: grpc-js names no flag and
 * calls a malformed request an internal error of the server. It makes these refusals below every interceptor, inside the innermost
 * call, which the first interceptor receives: its sendStatus is replaced.
 */
export const typedRefusals: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (end) => {
    const error = typedRefusal(end.code, end.details ?? "");
    send(error ? { ...end, ...toStatus(error, "inference") } : end);
  };
  return new ServerInterceptingCall(call);
};
