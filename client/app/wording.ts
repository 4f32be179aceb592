// Wording: numbers and errors as people read them.

import type { Classification, ModelCard } from "../browser/index.js";
import { isVitrineError } from "../browser/index.js";

const number = (digits: number) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** 22884728 → "22.9 MB". */
export function megabytes(bytes: number): string {
  return `${number(bytes < 1e8 ? 1 : 0).format(bytes / 1e6)} MB`;
}

/** 5717416 → "5.7 million parameters". */
export function parameterCount(count: number): string {
  return count >= 1e6
    ? `${number(1).format(count / 1e6)} million parameters`
    : `${number(0).format(count)} parameters`;
}

/** 0.7816 → "78.2%"; what is below a tenth of a percent says so. */
export function percent(share: number): string {
  return share < 0.0005 ? "< 0.1%" : `${number(1).format(share * 100)}%`;
}

/** WordNet's names list synonyms, the usual one first: "tench, Tinca tinca" → ["tench", "Tinca tinca"]. */
export function splitSynonyms(label: string): [first: string, others: string] {
  const [first = label, ...others] = label.split(/,\s*/);
  return [first, others.join(", ")];
}

export function modelLine({ name, parameters, imageSize }: ModelCard, bytes: number | undefined): string {
  const facts = [name, parameterCount(parameters)];
  if (bytes !== undefined) facts.push(megabytes(bytes));
  facts.push(`sees ${imageSize} × ${imageSize} pixels`);
  return facts.join(" · ");
}

/** Where the model computes, behind the sentence on privacy. */
export function deviceLine({ device }: ModelCard): string {
  return device === "wasm" ? "The model runs on the processor." : "The model runs on the graphics card.";
}

/** Why the processor computes although a GPU was asked for, or did so far. */
export function fallbackLine(reason: string): string {
  const lost = / was lost \((.*?)\.?\)/.exec(reason);
  if (lost) return `The graphics card was lost (${lost[1]}). The page goes on with the processor.`;
  return `The graphics card cannot be used: ${reason.replace(/^device webgpu: /, "")}. The processor does its work.`;
}

export function timingLine({ milliseconds, decodedBy }: Classification): string {
  const { decode, model } = milliseconds;
  const whose = decodedBy === "browser" ? " by the browser" : "";
  const [first, second] = [Math.round(decode), Math.round(model)];
  return `${first + second} ms: ${first} to decode${whose}, ${second} for the model`;
}

export interface Failure {
  line: string;
  advice: string;
}

/** What went wrong with a picture, for somebody who wants to try again. */
export function photographFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const code = isVitrineError(error) ? error.code : "";
  if (code === "image/unreadable" || code === "jpeg/not-jpeg") {
    return {
      line: "This file is no picture that can be read here.",
      advice: "JPEG, PNG and WebP work everywhere.",
    };
  }
  if (code === "jpeg/truncated" || code === "jpeg/corrupt") {
    return { line: "This JPEG file is damaged.", advice: `${sentence(text)} Try the original file again.` };
  }
  if (code === "jpeg/too-large" || code === "image/out-of-memory") {
    return { line: "This picture is too large.", advice: sentence(text) };
  }
  return { line: "The picture could not be classified.", advice: sentence(text) };
}

/** What kept the model from loading. */
export function modelFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  return {
    line: "The model could not be loaded.",
    advice: `${sentence(text)} Reload the page to try again.`,
  };
}

/** Our error texts start in lower case, carry no full stop, and end in advice for programmers, in brackets. */
function sentence(text: string): string {
  const plain = text.replace(/ \([^)]*\)$/, "");
  const whole = plain.endsWith(".") ? plain : `${plain}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}
