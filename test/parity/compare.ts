// Compare: the largest difference between what was computed and what the reference says, as an outcome.

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
