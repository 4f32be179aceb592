// Request log: a line for a call, a line for every fault of the server with its cause, and in place of a line for every
// refused call their number a minute, since a server that is overloaded has no time to write.

import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { statusOf } from "../../../proto/wire-error.js";
import { quote } from "../../../runtime/errors.js";
import type { CallRecord } from "./calls.js";

export interface RequestLogOptions {
  log: Logger;
  /** Fraction of the calls that get a line at level `info`, from 0 (none) to 1 (all). Default 1. */
  accessLog?: number;
  /** Milliseconds over which refusals are counted. Default 60,000. */
  periodMs?: number;
}

export interface RequestLog {
  callEnded(record: CallRecord): void;
  /** Writes the counts that are not written yet. */
  close(): void;
}

/** What a server under load, or about to stop, does to calls that are right in themselves. */
const REFUSED: readonly status[] = [
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.UNAVAILABLE,
];

/** Faults of a period with lines of their own: a model that fails fails every request. */
const MAX_FAULTS = 20;

const PERIOD_MS = 60_000;

type Kind = "answered" | "refused" | "bad request" | "fault";

function kindOf({ code, error }: CallRecord): Kind {
  if (code === null) return "answered";
  const end = statusOf(error, "inference");
  if (end === status.INTERNAL || code.startsWith("device/")) return "fault";
  return REFUSED.includes(end) ? "refused" : "bad request";
}

const milliseconds = (seconds: number): number => Number((seconds * 1000).toFixed(3));

/** Of a name that callers made up. */
const MAX_ASKED = 128;

function access({ protocol, requestId, model, version, images, code, ...record }: CallRecord): object {
  const { queue, decode, compute } = record.seconds ?? {};
  return {
    requestId,
    protocol,
    // A model that is not known is no name of this server's: it has a field of its own.
    ...(model === "" ? { asked: quote((record.asked ?? "").slice(0, MAX_ASKED)) } : { model, version }),
    images,
    code: code ?? "ok",
    ms: milliseconds(record.totalSeconds),
    ...(queue !== undefined && { queueMs: milliseconds(queue) }),
    ...(decode !== undefined && { decodeMs: milliseconds(decode) }),
    ...(compute !== undefined && { computeMs: milliseconds(compute) }),
    ...(record.outputSeconds !== undefined && { outputMs: milliseconds(record.outputSeconds) }),
  };
}

export function createRequestLog(options: RequestLogOptions): RequestLog {
  const { log, accessLog = 1, periodMs = PERIOD_MS } = options;
  const refusals = new Map<string, number>();
  let faults = 0;
  /** Calls to be logged so far, as a sum of fractions: a line whenever it passes a whole number. */
  let sampled = 0;
  let timer: NodeJS.Timeout | undefined;

  const writeCounts = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const seconds = periodMs / 1000;
    if (refusals.size > 0) log.warn({ refusals: Object.fromEntries(refusals), seconds }, "refused calls");
    if (faults > MAX_FAULTS) log.error({ faults, logged: MAX_FAULTS, seconds }, "faults without a line");
    refusals.clear();
    faults = 0;
  };
  const startPeriod = (): void => {
    timer ??= setTimeout(writeCounts, periodMs).unref();
  };
  const isSampled = (): boolean => {
    sampled += accessLog;
    if (sampled < 1) return false;
    sampled -= 1;
    return true;
  };
  return {
    callEnded(record) {
      const kind = kindOf(record);
      if (kind === "refused") {
        startPeriod();
        refusals.set(record.code!, (refusals.get(record.code!) ?? 0) + 1);
        return;
      }
      if (kind === "fault") {
        startPeriod();
        if (++faults <= MAX_FAULTS) log.error({ ...access(record), err: record.error }, "fault");
        return;
      }
      if (isSampled()) log.info(access(record), kind);
    },
    close: writeCounts,
  };
}
