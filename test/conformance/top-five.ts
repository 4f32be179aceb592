// Top five: whether two devices name the same five classes in the same order, where rounding alone cannot decide it.

export interface Agreement {
  images: number;
  /**
   * Images whose first five cannot change by rounding: adjacent logits among the first six differ by more than the
   * tolerance.
   */
  decided: number;
  /** Of these, images with the same five in the same order. */
  agreed: number;
  /** Images with the same five in the same order, decided or not. */
  same: number;
  /** Largest difference of a logit. */
  largestDifference: number;
  /** Decided images whose five differ, and images with a logit beyond the tolerance. */
  failures: { image: string; want: number[]; got: number[]; margin: number; difference: number }[];
}

/** Indices of the `count` largest, largest first; of equal ones the earlier. */
export function largestIndices(logits: Float32Array, count: number): number[] {
  return [...logits.keys()]
    .sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)
    .slice(0, count);
}

/** Smallest distance between neighbors among the first six logits. */
export function topFiveMargin(logits: Float32Array): number {
  const values = largestIndices(logits, 6).map((index) => logits[index] as number);
  return values
    .slice(1)
    .reduce((least, value, i) => Math.min(least, (values[i] as number) - value), Infinity);
}

/** Row by row; `tolerance` is how far a logit may be from the trusted one's. */
export function compareTopFive(
  names: readonly string[],
  trusted: readonly Float32Array[],
  other: readonly Float32Array[],
  tolerance: number,
): Agreement {
  const report: Agreement = { images: 0, decided: 0, agreed: 0, same: 0, largestDifference: 0, failures: [] };
  trusted.forEach((logits, i) => {
    const theirs = other[i] as Float32Array;
    // A value that is no number differs without bound.
    const difference = logits.reduce((most, value, k) => {
      const distance = Math.abs(value - (theirs[k] as number));
      return Math.max(most, Number.isNaN(distance) ? Infinity : distance);
    }, 0);
    const margin = topFiveMargin(logits);
    const [want, got] = [largestIndices(logits, 5), largestIndices(theirs, 5)];
    const isSame = want.every((index, place) => got[place] === index);
    const isDecided = margin > tolerance;
    report.images++;
    if (isDecided) report.decided++;
    if (isDecided && isSame) report.agreed++;
    if (isSame) report.same++;
    report.largestDifference = Math.max(report.largestDifference, difference);
    if ((isDecided && !isSame) || difference > tolerance)
      report.failures.push({ image: names[i] as string, want, got, margin, difference });
  });
  return report;
}
