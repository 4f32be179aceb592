// Rate log: from time to time a line about each client at level info, with its rate and what it waited for.

import type { Logger } from "pino";
import type { StreamTotals } from "./service-totals.js";

const LINE_MS = 60_000;

/** A stream as its line shows it. */
export interface LoggedStream {
  readonly peer: string;
  readonly totals: StreamTotals;
}

interface Snapshot {
  images: number;
  bytes: number;
  credit: number;
  batch: number;
  send: number;
}

function snapshotOf({ images, bytes, waits }: StreamTotals): Snapshot {
  return { images, bytes, ...waits };
}

/** Fractions and rates with as many digits as anyone reads. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/** Lines about the streams that are open at the time, until the returned function is called. */
export function startRateLog(
  streams: () => Iterable<LoggedStream>,
  log: Logger,
  lineMs = LINE_MS,
): () => void {
  let before = new Map<LoggedStream, Snapshot>();
  const timer = setInterval(() => {
    const now = new Map<LoggedStream, Snapshot>();
    for (const stream of streams()) {
      const current = snapshotOf(stream.totals);
      now.set(stream, current);
      const last = before.get(stream);
      if (!last) continue;
      const seconds = lineMs / 1000;
      const waits = {
        credit: rounded((current.credit - last.credit) / seconds),
        batch: rounded((current.batch - last.batch) / seconds),
        send: rounded((current.send - last.send) / seconds),
      };
      const imagesPerSecond = rounded((current.images - last.images) / seconds);
      const megabytesPerSecond = rounded((current.bytes - last.bytes) / 1e6 / seconds);
      log.info({ client: stream.peer, imagesPerSecond, megabytesPerSecond, waits }, "client");
    }
    before = now;
  }, lineMs);
  timer.unref();
  return () => clearInterval(timer);
}
