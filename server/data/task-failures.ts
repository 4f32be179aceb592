// Task failures: what a decode task that ends its threads, or takes too long in each of them, is refused with.

import { quote, VitrineError } from "../../runtime/errors.js";
import { type DecodeTask, locationsOf } from "./decode-task.js";

/** A task that was running in this many threads when they died is what kills them. */
export const MAX_DEATHS = 3;

/** A header task has many files, and the first few tell where it was. */
const NAMED_FILES = 2;

function nameFiles(task: DecodeTask): { text: string; details: { file: string } } {
  const files = locationsOf(task).map(({ name }) => name);
  const text = files.slice(0, NAMED_FILES).map(quote).join(" and ");
  return { text: files.length > NAMED_FILES ? `${text} …` : text, details: { file: files[0] } };
}

export function taskKillsWorkers(task: DecodeTask, reason: string): VitrineError {
  const { text, details } = nameFiles(task);
  return new VitrineError(
    "data/worker-died",
    `${text}: ${MAX_DEATHS} decode threads died decoding it (${reason}); please report the file`,
    { details },
  );
}

export function taskIsLate(task: DecodeTask, seconds: number): VitrineError {
  const { text, details } = nameFiles(task);
  return new VitrineError(
    "data/decode-timeout",
    `${text}: ${MAX_DEATHS} decode threads in turn took longer than ${seconds} s: does the drive answer?`,
    { details },
  );
}
