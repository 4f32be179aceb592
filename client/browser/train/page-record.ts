// Page record: keeps a run among the private files of its origin: its checkpoint every few seconds and at its end, with
// the curves that a page draws.

import { isVitrineError, VitrineError } from "../../../runtime/errors.js";
import { modelFiles, stateFiles } from "../../../trainer/core/checkpoint-files.js";
import { INTERRUPTED } from "../../../trainer/core/interruption.js";
import type { OpenRecord, RecordedRun, RunRecord } from "../../../trainer/core/run-record.js";
import type { TrainedEvaluation, TrainedStep } from "./contract.js";
import { SAVE_INTERVAL_MS } from "./regular-saves.js";
import { inWriting, type RunFiles, SUMMARY_FILE } from "./run-files.js";

/** Points of a curve that are kept; of more steps, every second one. */
const MOST_POINTS = 4000;

/** In a checkpoint. */
export const HISTORY_FILE = "history.json";

export interface History {
  steps: TrainedStep[];
  evaluations: TrainedEvaluation[];
}

/** Adds a point; a curve that has become too long keeps every second one. */
export function addPoint<Point>(points: Point[], point: Point): void {
  points.push(point);
  if (points.length < MOST_POINTS) return;
  const kept = points.filter((_, index) => index % 2 === 1);
  points.splice(0, points.length, ...kept);
}

export interface PageRecordOptions {
  files: RunFiles;
  /** Text of config.json. */
  configText: string;
  /** Class names in index order. */
  classes: readonly string[];
  /** Grows with the run. */
  history: History;
  /** Bytes of all of the run's files. */
  neededBytes: number;
}

const asJson = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

async function openRecord(
  { files, configText, classes, history, neededBytes }: PageRecordOptions,
  run: RecordedRun,
): Promise<OpenRecord> {
  const { training, state } = run;
  let saved = state.step;
  let savedAt = performance.now();
  const write = async (): Promise<void> => {
    try {
      const model = await modelFiles(training, state, configText);
      const rest = await stateFiles(training, state);
      const { step, finished } = state;
      const own: [string, Uint8Array][] = [
        [HISTORY_FILE, asJson(history)],
        [SUMMARY_FILE, asJson({ classes, step, finished })],
      ];
      await files.save("last", new Map([...model, ...rest, ...own]));
    } catch (error) {
      throw inWriting(error, neededBytes);
    }
    saved = state.step;
    savedAt = performance.now();
  };
  if (state.step === 0) await write();
  return {
    addStep: async () => {},
    completeStep: async () => {},
    // An epoch of a few pictures takes less than a second: not each one is written.
    save: async () => {
      if (state.finished || performance.now() - savedAt >= SAVE_INTERVAL_MS) await write();
    },
    saveRanked: async ({ isBest }) => {
      if (!isBest || state.validation === null) return;
      try {
        await files.save("best", await modelFiles(training, state, configText));
      } catch (error) {
        throw inWriting(error, neededBytes);
      }
    },
    prune: async () => {},
    // The run's last one, or where its validation is done since it was written.
    saveState: async () => {
      if (state.finished || saved === state.step) await write();
    },
    saved: () => saved,
    saveUnsaved: async () => {
      if (state.step > saved) await write();
    },
  };
}

/** In the words of a page, where no flags are. */
function explain(error: unknown, neededBytes: number): unknown {
  const failure = inWriting(error, neededBytes);
  if (!isVitrineError(failure) || failure.code !== "training/not-finite") return failure;
  const text =
    "the loss became infinite: start again with a lower learning rate (setting lr), or with clip-grad 1";
  return new VitrineError(failure.code, text, { details: failure.details, cause: failure });
}

export function pageRecord(options: PageRecordOptions): RunRecord {
  return {
    open: (run) => openRecord(options, run),
    prune: async () => {},
    explain: (error) => explain(error, options.neededBytes),
    peakBytes: ({ training }) => training.bytes,
  };
}

/** Whether a run ended because it was asked to. */
export const isStop = (error: unknown): boolean => isVitrineError(error) && error.code === INTERRUPTED;
