// Levels: the loads of `--concurrency` and `--rate`, a list or a range.

import { quote, VitrineError } from "../../runtime/errors.js";

const MOST_LEVELS = 100;

function refuse(flag: string, text: string, allowed: string): never {
  throw new VitrineError(
    "usage/number",
    `${flag} got "${quote(text)}"; allowed: ${allowed}, as a list (1,8,64) or a range (START:END:STEP)`,
    { details: { flag, got: text } },
  );
}

/** `1,8,64`, or `8:64:8` with both ends. Throws `usage/number` for values that are not above 0 and at most `max`. */
export function parseLevels(flag: string, text: string, max: number, whole: boolean): number[] {
  const allowed = `${whole ? "whole numbers" : "numbers"} above 0, at most ${max}`;
  const isRange = text.includes(":");
  const words = text.split(isRange ? ":" : ",");
  const values = words.map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  const isAllowed = (value: number) => value > 0 && value <= max && (!whole || Number.isInteger(value));
  if (!values.every(isAllowed) || (isRange && values.length > 3)) refuse(flag, text, allowed);
  if (!isRange) return values;
  const [start, end, step = 1] = values as [number, number, number?];
  const count = Math.floor((end - start) / step + 1e-9) + 1;
  if (count < 1 || count > MOST_LEVELS) refuse(flag, text, `${allowed}, at most ${MOST_LEVELS} of them`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}
