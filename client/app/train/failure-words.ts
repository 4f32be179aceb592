// Failure words: what went wrong with a run, in the words of someone who has pictures and no flags, and what helps. The
// error itself goes to the console.

import { isVitrineError } from "../../../runtime/errors.js";
import type { Failure } from "../design/notice.js";

const AGAIN = "Try again; if that does not help, reload the page.";

const KNOWN: Readonly<Record<string, Failure>> = {
  "graph/memory": {
    line: "There is too little memory for this.",
    advice: "Train the last layer alone, or close other tabs.",
  },
  "device/memory": {
    line: "The graphics card has too little memory for this.",
    advice: "Train the last layer alone, or close other programs.",
  },
  "device/lost": {
    line: "The graphics card was lost.",
    advice: "Reload the page: the run continues from what was saved.",
  },
  "file/unwritable": {
    line: "There is no more space to keep the run.",
    advice: "Free some space on this device, then try again.",
  },
  "training/not-finite": {
    line: "The training went astray.",
    advice: "Train the last layer alone, or with more pictures.",
  },
  "data/too-few-samples": {
    line: "There are too few pictures.",
    advice: "Add a few more to each class.",
  },
  "usage/run-in-use": {
    line: "Another tab of this page is training.",
    advice: "Close it, then try again.",
  },
  "device/unsupported": {
    line: "This page cannot train here.",
    advice: "Open it over https or from this computer, and in no private window.",
  },
};

/** Error texts start in lower case and have no full stop. */
const sentence = (text: string): string => {
  const whole = /[.?!]$/.test(text) ? text : `${text}.`;
  return /^[a-z]+:\/\//.test(whole) ? whole : whole.charAt(0).toUpperCase() + whole.slice(1);
};

export function trainingFailure(error: unknown): Failure {
  const known = isVitrineError(error) ? KNOWN[error.code] : undefined;
  if (known) return known;
  const text = error instanceof Error ? error.message : String(error);
  return { line: "The training could not go on.", advice: `${sentence(text)} ${AGAIN}` };
}
