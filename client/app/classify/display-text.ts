// Display text: numbers, facts and errors as the page shows them.

import { isVitrineError } from "../../../runtime/errors.js";
import type { Classification, ModelCard } from "../../browser/contract.js";
import type { Failure } from "../design/notice.js";
import { megabytes, parameterCount } from "../design/numbers.js";

/** WordNet's class names list synonyms, the usual one first: "tench, Tinca tinca" → ["tench", "Tinca tinca"]. */
export function splitSynonyms(label: string): [first: string, others: string] {
  const [first = label, ...others] = label.split(/,\s*/);
  return [first, others.join(", ")];
}

export function modelLine({ name, parameters, imageSize }: ModelCard, bytes: number | undefined): string {
  const facts = [name, parameterCount(parameters)];
  if (bytes !== undefined) facts.push(megabytes(bytes));
  facts.push(`input ${imageSize} × ${imageSize} pixels`);
  return facts.join(" · ");
}

/** Where the model runs; follows the sentence on privacy. */
export function deviceLine({ device }: ModelCard): string {
  return device === "wasm" ? "The model runs on the CPU." : "The model runs on the graphics card.";
}

/** Why the model runs on the CPU although a GPU was requested, or was in use until now. */
export function fallbackLine(reason: string): string {
  const lost = / was lost \((.*?)\.?\)/.exec(reason);
  if (lost) return `The graphics card was lost (${lost[1]}). The model continues on the CPU.`;
  const why = reason.replace(/^device webgpu: /, "");
  return `The graphics card cannot be used: ${why}. The model runs on the CPU instead.`;
}

export function timingLine({ milliseconds, picture }: Classification): string {
  const { decode, model } = milliseconds;
  const whose = picture.decodedBy === "browser" ? " by the browser" : "";
  const [first, second] = [Math.round(decode), Math.round(model)];
  return `${first + second} ms: ${first} to decode${whose}, ${second} for the model`;
}

/** What went wrong with a picture, for a visitor who wants to try again. */
export function photographFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const code = isVitrineError(error) ? error.code : "";
  if (code === "image/unreadable" || code === "image/unknown-format" || code === "image/unsupported") {
    return {
      line: "This file cannot be read as a picture.",
      advice: "JPEG, PNG and WebP work everywhere.",
    };
  }
  if (/^(jpeg|image)\/(truncated|corrupt)$/.test(code)) {
    return { line: "This file is damaged.", advice: `${sentence(text)} Try the original file again.` };
  }
  if (/^(jpeg\/too-large|image\/too-large|image\/out-of-memory)$/.test(code)) {
    return { line: "This picture is too large.", advice: sentence(text) };
  }
  return { line: "The picture could not be classified.", advice: sentence(text) };
}

/** Why the model could not be loaded. */
export function modelFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  return { line: "The model could not be loaded.", advice: sentence(text) };
}

/**
 * An error text as a sentence. Error texts start in lower case, have no full stop, and may end in advice for
 * programmers, in parentheses or with a flag: a visitor has neither options nor flags.
 */
function sentence(text: string): string {
  const plain = text.replace(/ \([^)]*\)$/, "").replace(/[:;,] [^:;,]*--[a-z][^:;,]*$/, "");
  const whole = plain.endsWith(".") ? plain : `${plain}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}
