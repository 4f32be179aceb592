// Message limit: a request that is too large, or no protobuf at all, is refused in our words instead of grpc-js's,
// which name no flag and call a broken request an internal error of the server.

import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { toStatus } from "../../proto/error-metadata.js";
import { statusOf } from "../../proto/error-status.js";
import { VitrineError } from "../../runtime/errors.js";

const TOO_LARGE = /^Received message larger than max \((\d+) vs (\d+)\)/;
const BROKEN = /^Error deserializing request: (.*)/s;

function inOurWords(code: status | null | undefined, text: string): VitrineError | undefined {
  const large = code === status.RESOURCE_EXHAUSTED ? TOO_LARGE.exec(text) : null;
  if (large) {
    return new VitrineError(
      "protocol/message-size",
      `the request has ${large[1]} bytes; allowed: ${large[2]} (--max-message-bytes of the server)`,
    );
  }
  const broken = code === status.INTERNAL ? BROKEN.exec(text) : null;
  if (broken) return new VitrineError("protocol/malformed", `the request is no valid message: ${broken[1]}`);
  return undefined;
}

/**
 * grpc-js makes both refusals below every interceptor, inside the innermost call. That call is what the first
 * interceptor is given: its sendStatus is replaced.
 */
export const refuseInOurWords: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (end) => {
    const error = inOurWords(end.code, end.details ?? "");
    send(error ? { ...end, ...toStatus(error, statusOf(error)) } : end);
  };
  return new ServerInterceptingCall(call);
};
