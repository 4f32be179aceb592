// Compare: how far computed values are from the reference's, each or all together, as an outcome.

import type { ParityOutcome } from "./case.js";

export type Values = ArrayLike<number>;

/** Indices that a comparison leaves out. */
export type Excluded = (index: number) => boolean;

/** Largest |got − want|; NaN where the lengths differ or a value is NaN. */
export function maxAbsError(got: Values, want: Values, excluded: Excluded = () => false): number {
  if (got.length !== want.length || want.length === 0) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    if (excluded(i)) continue;
    const error = Math.abs(got[i] - want[i]);
    if (!(error <= largest)) largest = error;
    if (Number.isNaN(error)) return Number.NaN;
  }
  return largest;
}

/** Largest |value| of those compared. */
export function largestValue(values: Values, excluded: Excluded = () => false): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) if (!excluded(i)) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

/** Unit in the last place: the distance from |value| in float32 to the next larger float32. */
export function unitInLastPlace(value: number): number {
  const float = Float32Array.of(Math.abs(value));
  const bits = new Uint32Array(float.buffer);
  const [rounded] = float;
  bits[0]++;
  return float[0] - rounded;
}

/** Two correct float32 computations may round a value in different directions, twice. */
const FLOOR_UNITS = 2;

/**
 * A tolerance of at least two units in the last place of the largest value compared: PyTorch's error in one fixture
 * may be smaller by chance. 0 stays 0, the claim that values are equal.
 */
export function withFloor(tolerance: number, largest: number): number {
  return tolerance === 0 ? 0 : Math.max(tolerance, FLOOR_UNITS * unitInLastPlace(largest));
}

/** Every value: the largest difference is at most `tolerance`, or the floor of `largest`, by default that of `want`. */
export function compare(
  name: string,
  got: Values | undefined,
  want: Values,
  tolerance: number,
  { excluded, largest = largestValue(want, excluded) }: { excluded?: Excluded; largest?: number } = {},
): ParityOutcome {
  const error = got === undefined ? Number.NaN : maxAbsError(got, want, excluded);
  const allowed = withFloor(tolerance, largest);
  return { name, ok: error <= allowed, maxAbsError: error, tolerance: allowed };
}

/** √(mean of squares); NaN where a value is NaN or there are no values. */
function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** minuend − subtrahend, NaN where the lengths differ, without the excluded values. */
function differences(minuend: Values, subtrahend: Values | undefined, excluded: Excluded): number[] {
  const fits = subtrahend === undefined || subtrahend.length === minuend.length;
  const all = Array.from(minuend, (value, i) => (fits ? value - (subtrahend?.[i] ?? 0) : Number.NaN));
  return all.filter((_, i) => !excluded(i));
}

/**
 * All values together, where single ones may jump: the root mean square of the differences is at most `fraction` of
 * that of the reference's values, or of their distance from `start`.
 */
export function compareWhole(
  name: string,
  got: Values | undefined,
  want: Values,
  fraction: number,
  { start, excluded = () => false }: { start?: Values; excluded?: Excluded } = {},
): ParityOutcome {
  const error = rootMeanSquare(differences(want, got ?? [], excluded));
  const reference = differences(want, start, excluded);
  const tolerance = withFloor(fraction * rootMeanSquare(reference), largestValue(reference));
  return { name: `${name} (root mean square)`, ok: error <= tolerance, maxAbsError: error, tolerance };
}
