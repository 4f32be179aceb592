// Device turns: the models of one device compute in turn, batch by batch, those of a higher priority first. One batch is submitted at a time; on a GPU a
// second one is submitted while the first still computes.

/** One batch is computed while the next is submitted. */
const MAX_IN_FLIGHT = 2;

/** The right to submit one batch. */
export interface Turn {
  /** The device computes by itself now: another batch may be submitted. */
  underway(): void;
  /** The batch ended. Returns the seconds for which the device computed it, without those of the batch before it. */
  end(): number;
  /** Nothing was submitted. */
  cancel(): void;
}

/** A batch that was passed over so often by models of a higher priority goes next. */
const MAX_PASSED = 4;

interface Waiting {
  owner: object;
  priority: number;
  /** Times that another batch went before, which came later. */
  passed: number;
  expectedSeconds: () => number;
  start(turn: Turn): void;
}

interface Batch {
  expectedSeconds: number;
  started: number;
  isUnderway: boolean;
}

export class DeviceTurns {
  /** Each owner waits with one batch at most, so that owners take turns. */
  readonly #waiting: Waiting[] = [];
  readonly #batches = new Set<Batch>();
  /** When the last batch ended, by performance.now(). */
  #lastEnd = 0;

  /**
   * Resolves when the owner may submit a batch. `expectedSeconds`: for which it will compute, as known by then.
   * `priority`: a lower number goes first.
   */
  take(owner: object, expectedSeconds: () => number, priority = 0): Promise<Turn> {
    return new Promise((start) => {
      this.#waiting.push({ owner, priority, passed: 0, expectedSeconds, start });
      this.#assign();
    });
  }

  /** Seconds until the device is expected to have computed what was submitted to it. */
  get busySeconds(): number {
    const [first, ...others] = this.#batches;
    if (!first) return 0;
    const passed = (performance.now() - Math.max(first.started, this.#lastEnd)) / 1000;
    const left = Math.max(0, first.expectedSeconds - passed);
    return others.reduce((sum, { expectedSeconds }) => sum + expectedSeconds, left);
  }

  /** Seconds that the batches of other owners are expected to take between two batches of the owner. */
  othersSeconds(owner: object): number {
    return this.#waiting.reduce(
      (sum, waiting) => (waiting.owner === owner ? sum : sum + waiting.expectedSeconds()),
      0,
    );
  }

  #assign(): void {
    const isSubmitting = [...this.#batches].some(({ isUnderway }) => !isUnderway);
    if (isSubmitting || this.#batches.size >= MAX_IN_FLIGHT) return;
    const next = this.#takeNext();
    if (!next) return;
    const batch = { expectedSeconds: next.expectedSeconds(), started: performance.now(), isUnderway: false };
    this.#batches.add(batch);
    next.start({
      underway: () => {
        batch.isUnderway = true;
        this.#assign();
      },
      end: () => {
        const now = performance.now();
        const seconds = (now - Math.max(batch.started, this.#lastEnd)) / 1000;
        this.#lastEnd = now;
        this.#leave(batch);
        return seconds;
      },
      cancel: () => this.#leave(batch),
    });
  }

  #takeNext(): Waiting | undefined {
    const first = Math.min(...this.#waiting.map(({ priority }) => priority));
    const place = this.#waiting.findIndex(
      ({ priority, passed }) => priority === first || passed >= MAX_PASSED,
    );
    for (const waiting of this.#waiting.slice(0, Math.max(0, place))) waiting.passed++;
    return this.#waiting.splice(place, place < 0 ? 0 : 1)[0];
  }

  #leave(batch: Batch): void {
    this.#batches.delete(batch);
    this.#assign();
  }
}
