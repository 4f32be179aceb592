// Compare: the difference between what was computed and what the reference says, of the worst value or of all, as an outcome.

import type { ParityOutcome } from "./case.js";

export type Values = ArrayLike<number>;

/** Indices that a comparison leaves out. */
export type Excluded = (index: number) => boolean;

/** Largest |got − want|; not a number where the lengths differ or a value is none. */
export function maxAbsError(got: Values, want: Values, excluded: Excluded = () => false): number {
  if (got.length !== want.length || want.length === 0) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    if (excluded(i)) continue;
    const error = Math.abs((got[i] as number) - (want[i] as number));
    if (!(error <= largest)) largest = error;
    if (Number.isNaN(error)) return Number.NaN;
  }
  return largest;
}

/** √(mean of squares); not a number where a value is none or there are no values. */
function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** minuend − subtrahend, not numbers where the lengths differ, without what is left out. */
function differences(minuend: Values, subtrahend: Values | undefined, excluded: Excluded): number[] {
  const fits = subtrahend === undefined || subtrahend.length === minuend.length;
  const all = Array.from(minuend, (value, i) => (fits ? value - (subtrahend?.[i] ?? 0) : Number.NaN));
  return all.filter((_, i) => !excluded(i));
}

/**
 * All values at once, where single ones may jump: the root mean square of the differences is at most `share` of that of what
 * the reference says, or of its movement from `start`.
 */
export function compareWhole(
  name: string,
  got: Values | undefined,
  want: Values,
  share: number,
  { start, excluded = () => false }: { start?: Values; excluded?: Excluded } = {},
): ParityOutcome {
  const error = rootMeanSquare(differences(want, got ?? [], excluded));
  const tolerance = share * rootMeanSquare(differences(want, start, excluded));
  return { name: `${name} (root mean square)`, ok: error <= tolerance, maxAbsError: error, tolerance };
}

export function compare(
  name: string,
  got: Values | undefined,
  want: Values,
  tolerance: number,
  excluded?: Excluded,
): ParityOutcome {
  const error = got === undefined ? Number.NaN : maxAbsError(got, want, excluded);
  return { name, ok: error <= tolerance, maxAbsError: error, tolerance };
}
