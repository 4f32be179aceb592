// Message limit: a request that is too large, or no protobuf at all, is refused in our words instead of grpc-js's,
// which name no flag and call a broken request an internal error of the server.

import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { toStatus } from "../../proto/error-metadata.js";
import { statusOf } from "../../proto/error-status.js";
import { VitrineError } from "../../runtime/errors.js";

const TOO_LARGE = /^Received message larger than max \((\d+) vs (\d+)\)/;
const TOO_LARGE_UNPACKED = /^Received message that decompresses to a size larger than (\d+)/;
const BROKEN = /^Error deserializing request/;

function tooLarge(size: string, limit: string | undefined): VitrineError {
  const text = `the request has ${size} bytes; allowed: ${limit} (--max-message-bytes of the server)`;
  return new VitrineError("protocol/message-size", text);
}

function inOurWords(code: status | null | undefined, text: string): VitrineError | undefined {
  if (code === status.RESOURCE_EXHAUSTED) {
    const packed = TOO_LARGE.exec(text);
    if (packed) return tooLarge(packed[1] as string, packed[2]);
    const unpacked = TOO_LARGE_UNPACKED.exec(text);
    if (unpacked) return tooLarge(`more than ${unpacked[1]} unpacked`, unpacked[1]);
  }
  if (code === status.INTERNAL && BROKEN.test(text)) {
    const text = "the request's bytes are no message of this call (see proto/inference.proto)";
    return new VitrineError("protocol/malformed", text);
  }
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
