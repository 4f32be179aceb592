// Progress: one line that says where the run is: rewritten in place on a terminal, a new one now and then elsewhere.

export interface ProgressReport {
  /** Epochs done or begun, from 1, and of how many (null where the run is measured in steps). */
  epoch: number;
  epochs: number | null;
  step: number;
  steps: number;
  /** Mean over the last steps. */
  loss: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Share of the time spent waiting for data, 0…1. */
  dataWait: number;
}

export interface Progress {
  report(report: ProgressReport): void;
  /** A line that stays. */
  say(line: string): void;
  /** Ends the rewritten line, leaving it on the screen. */
  end(): void;
}

/** The part of a stream that this needs. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** Lines of a log are at least so far apart. */
const PLAIN_INTERVAL_MS = 5000;

/** `epoch 2/300  step 41/3600  loss 2.314  lr 1.56e-5  9.8 images/s  waiting for data 3%` */
export function progressLine(report: ProgressReport): string {
  const { epoch, epochs, step, steps } = report;
  return [
    `epoch ${epoch}${epochs === null ? "" : `/${epochs}`}`,
    `step ${step}/${steps}`,
    `loss ${report.loss.toFixed(4)}`,
    `lr ${report.learningRate.toExponential(3)}`,
    `${report.imagesPerSecond.toFixed(1)} images/s`,
    `waiting for data ${Math.round(100 * report.dataWait)}%`,
  ].join("  ");
}

const ERASE_LINE = "\r\u001b[2K";

function liveProgress(stream: ProgressStream): Progress {
  let current = "";
  const show = () => stream.write(ERASE_LINE + current.slice(0, (stream.columns ?? 120) - 1));
  return {
    report: (report) => {
      current = progressLine(report);
      show();
    },
    say: (line) => {
      stream.write(`${ERASE_LINE}${line}\n`);
      if (current !== "") show();
    },
    end: () => {
      if (current !== "") stream.write("\n");
      current = "";
    },
  };
}

function plainProgress(stream: ProgressStream, now: () => number): Progress {
  let due = 0;
  let unsaid = "";
  return {
    report: (report) => {
      unsaid = progressLine(report);
      if (now() < due) return;
      stream.write(`${unsaid}\n`);
      unsaid = "";
      due = now() + PLAIN_INTERVAL_MS;
    },
    say: (line) => stream.write(`${line}\n`),
    end: () => {
      if (unsaid !== "") stream.write(`${unsaid}\n`);
      unsaid = "";
    },
  };
}

export function createProgress(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): Progress {
  return stream.isTTY ? liveProgress(stream) : plainProgress(stream, now);
}
