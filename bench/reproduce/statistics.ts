// Statistics of a reproduction: means over seeds with their standard error, and differences paired by seed.

export interface Mean {
  mean: number;
  /** Standard error of the mean: the sample's standard deviation over √n; NaN for a single value. */
  error: number;
}

export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}

/** Mean of a − b, seed by seed: data and starting weights of a seed are the same for both, and cancel. */
export function pairedDifference(a: readonly number[], b: readonly number[]): Mean {
  return meanOf(a.map((value, index) => value - b[index]));
}

/** Two-sided 5% points of Student's t with 1, 2, … degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/**
 * How many standard errors a mean of `freedom` + 1 values has to be away from 0 to be told from it at 5%; beyond the
 * table the last entry, which is a little too strict.
 */
export function studentQuantile(freedom: number): number {
  return STUDENT[Math.min(freedom, STUDENT.length) - 1];
}

/** `43.20 ± 0.61` */
export function describeMean({ mean, error }: Mean): string {
  return Number.isNaN(error) ? mean.toFixed(2) : `${mean.toFixed(2)} ± ${error.toFixed(2)}`;
}
