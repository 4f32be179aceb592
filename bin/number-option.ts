// Number options: parsers for commander that say what was got and what is allowed.

import { VitrineError } from "../runtime/errors.js";

interface Bounds {
  min?: number;
  max?: number;
}

function check(flag: string, text: string, value: number, kind: string, { min, max }: Bounds): number {
  const low = min ?? Number.NEGATIVE_INFINITY;
  const high = max ?? Number.POSITIVE_INFINITY;
  if (text.trim() !== "" && Number.isFinite(value) && value >= low && value <= high) return value;
  const range = [min === undefined ? "" : `at least ${min}`, max === undefined ? "" : `at most ${max}`];
  const allowed = [kind, ...range.filter(Boolean)].join(", ");
  throw new VitrineError("usage/number", `${flag} got "${text}"; allowed: ${allowed}`, {
    details: { flag, got: text },
  });
}

/** `wholeNumber("--workers", {min: 0})` → a commander parser. */
export function wholeNumber(flag: string, bounds: Bounds = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    return check(flag, text, Number.isInteger(value) ? value : Number.NaN, "a whole number", bounds);
  };
}

export function decimalNumber(flag: string, bounds: Bounds = {}): (text: string) => number {
  return (text) => check(flag, text, Number(text), "a number", bounds);
}
