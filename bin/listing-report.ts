// Listing report: says how far the listing of a data set is, not more often than every few seconds.

import { counted } from "../runtime/batches/class-counts.js";
import { displayPath } from "../runtime/batches/data-path.js";

/** A data set that is open within this time needs no word about it. */
const FIRST_REPORT_MS = 2_000;
const REPORT_MS = 5_000;

interface ReportOptions {
  /** Default "listing". */
  what?: string;
  /** Receives a line. Default: standard error. */
  say?: (line: string) => void;
}

const toErrors = (line: string): void => void process.stderr.write(`${line}\n`);

export function listingReport(
  data: string,
  { what = "listing", say = toErrors }: ReportOptions = {},
): (files: number) => void {
  let next = performance.now() + FIRST_REPORT_MS;
  return (files) => {
    if (performance.now() < next) return;
    next = performance.now() + REPORT_MS;
    say(`${what} ${displayPath(data)}: ${counted(files, "file", "files")} so far`);
  };
}
