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

// Step clock: how fast the last steps went, and what share of their time was spent waiting for data.

interface Lap {
  seconds: number;
  images: number;
  waitSeconds: number;
}

/** Steps that the rates are taken over. */
const LAPS = 10;

export class StepClock {
  private laps: Lap[] = [];
  private last: number;

  constructor(private readonly now: () => number = () => performance.now() / 1000) {
    this.last = now();
  }

  /** Ends a step of so many images, which waited so long for its batch. */
  tick(images: number, waitSeconds: number): void {
    const now = this.now();
    this.laps.push({ seconds: now - this.last, images, waitSeconds });
    if (this.laps.length > LAPS) this.laps.shift();
    this.last = now;
  }

  /** Time spent on something else (validation, a checkpoint) does not count. */
  restart(): void {
    this.last = this.now();
  }

  rates(): { imagesPerSecond: number; dataWait: number } {
    const sum = (of: (lap: Lap) => number) => this.laps.reduce((total, lap) => total + of(lap), 0);
    const seconds = sum((lap) => lap.seconds);
    if (seconds <= 0) return { imagesPerSecond: 0, dataWait: 0 };
    const dataWait = Math.min(1, sum((lap) => lap.waitSeconds) / seconds);
    return { imagesPerSecond: sum((lap) => lap.images) / seconds, dataWait };
  }
}
