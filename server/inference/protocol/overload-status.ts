// Overload status: the gRPC status of a request that the queue has no place for. RESOURCE_EXHAUSTED says what it is;
// Triton and TF Serving say UNAVAILABLE, which more clients' retry policies retry.

import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";

export const OVERLOAD = ["resource-exhausted", "unavailable"] as const;
export type Overload = (typeof OVERLOAD)[number];

const OVERLOADED = /^network\/(queue-full|overloaded):/;

/** Changes the status of refusals for overload alone. */
export const overloadAsUnavailable: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    sendStatus: (end, next) =>
      next(OVERLOADED.test(end.details ?? "") ? { ...end, code: status.UNAVAILABLE } : end),
  });
