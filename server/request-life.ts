// Request life: until when a request is worth computing.

import { callerOf } from "./caller.js";

export interface RequestLife {
  /** Milliseconds since 1970; Infinity without a deadline. */
  deadline: number;
  /** Aborts when the caller cancels or is gone. It may also abort after the answer was sent. */
  signal: AbortSignal;
  /** Who asks: callers that wait get equal shares. Absent: all such requests are of one caller. */
  caller?: string;
}

/** What this needs of a call of grpc-js. */
interface GrpcCall {
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

/** grpc-js gives the deadline as a number or a Date, Infinity where there is none. */
export function lifeOfCall(call: GrpcCall): RequestLife {
  const deadline = call.getDeadline();
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.on("cancelled", () => controller.abort());
  return {
    deadline: deadline instanceof Date ? deadline.getTime() : deadline,
    signal: controller.signal,
    caller: callerOf(call),
  };
}
