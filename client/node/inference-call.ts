// Inference call: one unary call of the Open Inference Protocol as a promise, with a deadline and typed errors.

import {
  type Client,
  type ClientUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { fromStatus } from "../../proto/error-metadata.js";
import { errorOfStatus } from "../../proto/error-status.js";
import { VitrineError } from "../../runtime/errors.js";

export interface CallOptions {
  /** Milliseconds until the call fails with `network/deadline`. Default: the connection's. */
  deadlineMs?: number;
  /** Aborting cancels the call on both sides. */
  signal?: AbortSignal;
}

const TOO_LARGE = /^Received message larger than max \((\d+) vs (\d+)\)/;

function typedError(error: ServiceError, address: string): VitrineError {
  const theirs = fromStatus(error);
  if (theirs) return theirs;
  if (error.code === status.UNAVAILABLE) {
    // The system's word, such as ECONNREFUSED, out of grpc-js's three sentences around it.
    const reason = /\bE[A-Z]{4,}\b/.exec(error.details)?.[0] ?? error.details;
    const text = `no answer from ${address} (${reason}): is "vitrine serve" running there?`;
    return new VitrineError("network/unavailable", text, { details: { server: address }, cause: error });
  }
  const large = TOO_LARGE.exec(error.details);
  if (large) {
    const text = `${address}: the answer has ${large[1]} bytes; allowed: ${large[2]} (option maxMessageBytes)`;
    return new VitrineError("protocol/message-size", text, { details: { server: address } });
  }
  return errorOfStatus(error.code, error.details, address);
}

/** Throws an error with the server's own code where it sent one, else `network/…` or `protocol/…`. */
export function callUnary<Request, Response>(
  client: Client,
  address: string,
  method: MethodDefinition<Request, Response>,
  request: Request,
  { deadlineMs, signal }: CallOptions & { deadlineMs: number },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new VitrineError("network/canceled", `${address}: canceled before it was sent`));
      return;
    }
    const deadline = Date.now() + deadlineMs;
    const abort = () => call.cancel();
    const call: ClientUnaryCall = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline },
      (error, response) => {
        signal?.removeEventListener("abort", abort);
        if (error) reject(typedError(error, address));
        else resolve(response as Response);
      },
    );
    signal?.addEventListener("abort", abort, { once: true });
  });
}
