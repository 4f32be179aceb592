// Calls: every inference call from its arrival to its end, as metrics, log and traces are notified of it.

import { randomUUID } from "node:crypto";
import { isVitrineError } from "../../../runtime/errors.js";
import type { ArrivingCall, CallObserver, CallProtocol, CallSubject, OpenCall } from "../contract.js";

/** A call that has ended. */
export interface CallRecord extends CallSubject {
  protocol: CallProtocol;
  /** What the caller asked for, where that is no model of this server. */
  asked?: string | undefined;
  requestId: string;
  /** Code of the error it ended with; null: answered. */
  code: string | null;
  /** The error itself. */
  error?: unknown;
  /** From its arrival, after its message was read, until its answer was encoded. */
  totalSeconds: number;
  /** Of an answered call: from the engine's answer until it was encoded. */
  outputSeconds?: number;
}

/** A span of a call. */
export interface CallTrace {
  ended(record: CallRecord): void;
}

export interface CallListeners {
  ended: readonly ((record: CallRecord) => void)[];
  /** Default: no traces. */
  trace?: ((call: ArrivingCall, requestId: string) => CallTrace) | undefined;
}

const MAX_ID = 128;

/** The caller's id without what does not fit into a header, or a new one. */
function requestIdOf({ requestId = "" }: ArrivingCall): string {
  const printable = requestId.slice(0, MAX_ID).replaceAll(/[^\x21-\x7e]/g, "");
  return printable === "" ? randomUUID() : printable;
}

const UNKNOWN: CallSubject = { model: "", version: "", images: 0 };

export function observeCalls({ ended, trace }: CallListeners): CallObserver {
  return {
    arrived(call): OpenCall {
      const start = performance.now();
      const requestId = requestIdOf(call);
      const span = trace?.(call, requestId);
      const end = (outcome: Pick<CallRecord, "code" | "error" | "outputSeconds"> & CallSubject) => {
        const totalSeconds = (performance.now() - start) / 1000;
        const asked = outcome.model === "" ? call.asked : undefined;
        const record = { protocol: call.protocol, requestId, totalSeconds, asked, ...outcome };
        for (const listener of ended) listener(record);
        span?.ended(record);
      };
      return {
        requestId,
        answered: (subject, outputSeconds) => end({ ...subject, code: null, outputSeconds }),
        failed: (error, subject = UNKNOWN) =>
          end({ ...subject, code: isVitrineError(error) ? error.code : "internal/unexpected", error }),
      };
    },
  };
}
