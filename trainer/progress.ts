// Progress: one line that is rewritten in place on a terminal, for training, validation and kernel compilation. In a
// log, training writes a line every five seconds, and the others write nothing.

export interface ProgressReport {
  /** The current epoch, from 1, and their number (null where the run is measured in steps). */
  epoch: number;
  epochs: number | null;
  step: number;
  steps: number;
  /** Mean over the last steps. */
  loss: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Fraction of the time spent waiting for data, 0…1. */
  dataWait: number;
}

export interface Progress {
  report(report: ProgressReport): void;
  /** Shows what is being done between steps, for example `validating 320/2000`. */
  status(text: string): void;
  /** Prints a line that stays. */
  say(line: string): void;
  /** Ends the rewritten line, which stays on the screen. */
  end(): void;
}

/** The part of a stream that this needs. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const ERASE_LINE = "\r\u001b[2K";

/** The last line of a terminal, rewritten in place. */
class StatusLine {
  readonly #stream: ProgressStream;
  #text = "";

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    this.#text = text;
    this.#stream.write(ERASE_LINE + text.slice(0, (this.#stream.columns ?? 120) - 1));
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

/** `epoch 2/300  step 41/3600  loss 2.314  lr 1.56e-5  9.8 img/s  data wait 3%` */
function progressLine(report: ProgressReport): string {
  const { epoch, epochs, step, steps } = report;
  return [
    `epoch ${epoch}${epochs === null ? "" : `/${epochs}`}`,
    `step ${step}/${steps}`,
    `loss ${report.loss.toFixed(4)}`,
    `lr ${report.learningRate.toExponential(3)}`,
    `${report.imagesPerSecond.toFixed(1)} img/s`,
    `data wait ${Math.round(100 * report.dataWait)}%`,
  ].join("  ");
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
      report: (report) => line.show(progressLine(report)),
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
      if (now() >= due) write(text);
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
