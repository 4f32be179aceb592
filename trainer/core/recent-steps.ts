// Recent steps: mean loss, images per second and time spent waiting for data, over the last ten steps; and the time of
// the whole run.

import { type DataStage, stageOf } from "./data-wait.js";

/** Steps that loss and rates average over. */
const RECENT_STEPS = 10;

/** Mean of the last values; few enough to be part of a checkpoint. */
export class RunningMean {
  readonly #values: number[];

  constructor(values: readonly number[] = []) {
    this.#values = values.slice(-RECENT_STEPS);
  }

  add(value: number): void {
    this.#values.push(value);
    if (this.#values.length > RECENT_STEPS) this.#values.shift();
  }

  /** NaN before the first value. */
  mean(): number {
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length;
  }

  /** The values, from which the constructor continues. */
  recent(): number[] {
    return [...this.#values];
  }
}

interface Lap {
  seconds: number;
  images: number;
  waitSeconds: number;
  transferSeconds: number | undefined;
}

/** How long a run takes: since it was started or resumed, and until its end at the mean pace since then. */
export class RunClock {
  readonly #now: () => number;
  #start: number;
  readonly #firstStep: number;

  /** `step`: steps done before this start. `now`: seconds. */
  constructor(step: number, now: () => number = () => performance.now() / 1000) {
    this.#now = now;
    this.#start = now();
    this.#firstStep = step;
  }

  /** Excludes `seconds` in which the run was paused. */
  leaveOut(seconds: number): void {
    this.#start += seconds;
  }

  /** Validations and checkpoints count: the remaining steps will have theirs. NaN before the first step. */
  times(step: number, steps: number): { elapsedSeconds: number; remainingSeconds: number } {
    const elapsedSeconds = this.#now() - this.#start;
    const done = step - this.#firstStep;
    const remainingSeconds = done > 0 ? (elapsedSeconds / done) * Math.max(0, steps - step) : Number.NaN;
    return { elapsedSeconds, remainingSeconds };
  }
}

export class StepClock {
  readonly #now: () => number;
  readonly #laps: Lap[] = [];
  #last: number;

  /** `now`: seconds. */
  constructor(now: () => number = () => performance.now() / 1000) {
    this.#now = now;
    this.#last = now();
  }

  /** Ends a step of `images` images that waited `waitSeconds` for its batch; `transferSeconds`: see Batch. */
  tick(images: number, waitSeconds: number, transferSeconds?: number): void {
    const now = this.#now();
    this.#laps.push({ seconds: now - this.#last, images, waitSeconds, transferSeconds });
    if (this.#laps.length > RECENT_STEPS) this.#laps.shift();
    this.#last = now;
  }

  /** Excludes the time since the last step, spent on validation or a checkpoint. */
  restart(): void {
    this.#last = this.#now();
  }

  /** `dataWait`: fraction of the time, 0…1; `dataStage`: what most of it was for. */
  rates(): { imagesPerSecond: number; dataWait: number; dataStage: DataStage } {
    const sum = (of: (lap: Lap) => number) => this.#laps.reduce((total, lap) => total + of(lap), 0);
    const seconds = sum((lap) => lap.seconds);
    const waitSeconds = sum((lap) => lap.waitSeconds);
    const isLocal = this.#laps.every((lap) => lap.transferSeconds === undefined);
    const dataStage = stageOf(waitSeconds, isLocal ? undefined : sum((lap) => lap.transferSeconds ?? 0));
    if (seconds <= 0) return { imagesPerSecond: 0, dataWait: 0, dataStage };
    const dataWait = Math.min(1, waitSeconds / seconds);
    return { imagesPerSecond: sum((lap) => lap.images) / seconds, dataWait, dataStage };
  }
}
