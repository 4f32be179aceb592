// Progress: one line that is rewritten in place on a terminal, for training, validation and kernel compilation. In a
// log, training writes a line every five seconds, and the others write nothing.

import { NOTABLE_DATA_WAIT } from "./core/data-wait.js";
import type { Progress, ProgressReport } from "./core/progress-report.js";
import { formatDuration } from "./duration.js";

/** The part of a stream that this needs. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** Of a terminal that does not say, or says 0, as one in a container may. */
const DEFAULT_COLUMNS = 80;

const ERASE_LINE = "\r\u001b[2K";

/** The last line of a terminal, rewritten in place. */
class StatusLine {
  readonly #stream: ProgressStream;
  #text = "";

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  /** Columns that a line may fill without wrapping. */
  get width(): number {
    return (this.#stream.columns || DEFAULT_COLUMNS) - 1;
  }

  show(text: string): void {
    this.#text = text;
    this.#stream.write(ERASE_LINE + text.slice(0, this.width));
  }

  /** Prints a line that stays above this one. */
  say(line: string): void {
    this.#stream.write(`${ERASE_LINE}${line}\n`);
    if (this.#text !== "") this.show(this.#text);
  }

  /** Leaves the line on the screen. */
  end(): void {
    if (this.#text !== "") this.#stream.write("\n");
    this.#text = "";
  }

  clear(): void {
    if (this.#text !== "") this.#stream.write(ERASE_LINE);
    this.#text = "";
  }
}

const BYTE_UNITS = ["MB", "GB", "TB"];

/** `312 MB`, `4.1 GB`. */
function shortBytes(bytes: number): string {
  let value = bytes / 1e6;
  let unit = 0;
  for (; value >= 1000 && unit < BYTE_UNITS.length - 1; unit++) value /= 1000;
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${BYTE_UNITS[unit]}`;
}

/**
 * `epoch 2/300  step 41/3600  loss 2.3145  lr 1.56e-5  9.8 img/s  mem 312 MB  1:12  ETA 1:45:02`. Where that is longer
 * than `width`, parts are left out, the least important one first.
 */
export function progressLine(report: ProgressReport, width = Number.POSITIVE_INFINITY): string {
  const { epoch, epochs, step, steps, dataWait, deviceBytes } = report;
  const stage = report.dataStage === undefined ? "" : ` (${report.dataStage})`;
  const gpu = deviceBytes === null ? "" : ` + ${shortBytes(deviceBytes)} GPU`;
  /** Each part with its rank: the lower, the longer it stays. */
  const parts: [text: string, rank: number][] = [
    [`epoch ${epoch}${epochs === null ? "" : `/${epochs}`}`, 3],
    [`step ${step}/${steps}`, 0],
    [`loss ${report.loss.toFixed(4)}`, 1],
    [`lr ${report.learningRate.toExponential(2)}`, 8],
    [`${report.imagesPerSecond.toFixed(1)} img/s`, 4],
    ...(dataWait >= NOTABLE_DATA_WAIT
      ? [[`data wait ${Math.round(100 * dataWait)}%${stage}`, 5] as [string, number]]
      : []),
    [`mem ${shortBytes(report.peakBytes)}${gpu}`, 7],
    [formatDuration(report.elapsedSeconds), 6],
    [`ETA ${formatDuration(report.remainingSeconds)}`, 2],
  ];
  const line = () => parts.map(([text]) => text).join("  ");
  while (line().length > width && parts.length > 1) {
    const last = Math.max(...parts.map(([, rank]) => rank));
    parts.splice(
      parts.findIndex(([, rank]) => rank === last),
      1,
    );
  }
  return line();
}

/** Lines of a log are at least this far apart. */
const PLAIN_INTERVAL_MS = 5000;

/** Progress of a training run. `now`: milliseconds. */
export function createProgress(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): Progress {
  if (stream.isTTY) {
    const line = new StatusLine(stream);
    return {
      report: (report) => line.show(progressLine(report, line.width)),
      status: (text) => line.show(text),
      say: (text) => line.say(text),
      end: () => line.end(),
    };
  }
  let due = 0;
  let pending = "";
  const write = (text: string): void => {
    stream.write(`${text}\n`);
    due = now() + PLAIN_INTERVAL_MS;
  };
  return {
    report: (report) => {
      pending = progressLine(report);
      if (now() < due) return;
      write(pending);
      pending = "";
    },
    status: (text) => {
      if (text !== "" && now() >= due) write(text);
    },
    say: (line) => stream.write(`${line}\n`),
    end: () => {
      if (pending !== "") stream.write(`${pending}\n`);
      pending = "";
    },
  };
}

/** `compiling kernels for the GPU: 12 of 34`, which takes seconds with some drivers; erased when all are compiled. */
export function kernelProgress(
  stream: ProgressStream = process.stderr,
): ((state: { made: number; wanted: number }) => void) | undefined {
  if (!stream.isTTY) return undefined;
  const line = new StatusLine(stream);
  return ({ made, wanted }) => {
    if (made < wanted) line.show(`compiling kernels for the GPU: ${made} of ${wanted}`);
    else line.clear();
  };
}

/** `120 of 500 images  41.2 images/s  top-1 71.67%`. */
export interface ValidationProgress {
  report(images: number, correct: number): void;
  clear(): void;
}

/** Progress over `total` images. `now`: milliseconds. */
export function validationProgress(
  total: number,
  stream: ProgressStream = process.stderr,
  now: () => number = () => performance.now(),
): ValidationProgress {
  if (!stream.isTTY) return { report: () => {}, clear: () => {} };
  const line = new StatusLine(stream);
  const start = now();
  return {
    report: (images, correct) => {
      const rate = (1000 * images) / Math.max(1, now() - start);
      const top1 = (100 * correct) / Math.max(1, images);
      line.show(`${images} of ${total} images  ${rate.toFixed(1)} images/s  top-1 ${top1.toFixed(2)}%`);
    },
    clear: () => line.clear(),
  };
}
