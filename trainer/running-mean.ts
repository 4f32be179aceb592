// Running mean: the mean of the last few values. Small enough to stand in a checkpoint.

/** Steps that the printed loss averages over. */
export const RUNNING_STEPS = 10;

export class RunningMean {
  private readonly values: number[];

  constructor(values: readonly number[] = []) {
    this.values = values.slice(-RUNNING_STEPS);
  }

  add(value: number): void {
    this.values.push(value);
    if (this.values.length > RUNNING_STEPS) this.values.shift();
  }

  /** NaN before the first value. */
  mean(): number {
    return this.values.reduce((sum, value) => sum + value, 0) / this.values.length;
  }

  /** What the constructor takes to go on from here. */
  recent(): number[] {
    return [...this.values];
  }
}
