// Waiting request: its images that are ready but in no batch yet, and what has been answered about the others.

import type { Answer, ImageTensor } from "../../../runtime/inference/answer.js";
import { type BatchKind, kindKey } from "./batch.js";
import type { RequestClock } from "./request-clock.js";

export interface BatcherRequest {
  count: number;
  kind: BatchKind;
  /** Requests with a lower number go first. */
  priority: number;
  /** Milliseconds since 1970; Infinity without one. */
  deadline: number;
  clock?: RequestClock;
  /** Who asks. Default: nobody in particular. */
  caller?: string | undefined;
}

export interface ReadyImage {
  index: number;
  image: ImageTensor;
  /** When it became ready, by performance.now(). */
  since: number;
}

/** Milliseconds of waiting that are worth one step of priority: no flood of urgent requests starves the others. */
const STEP_MS = 1_000;

/** Requests are served in ascending order of their ranks. `since`: when it arrived, by performance.now(). */
export function rankOf(priority: number, since = performance.now()): number {
  return since + priority * STEP_MS;
}

/** Row `row` of values [rows, width], copied to row `index` of [count, width]. */
interface Copy {
  rows: number;
  row: number;
  count: number;
  index: number;
}

/** Copies into `whole`, or into new values where there are none yet. */
function copyRow(
  whole: Float32Array | undefined,
  values: Float32Array,
  { rows, row, count, index }: Copy,
): Float32Array {
  const width = values.length / rows;
  const target = whole ?? new Float32Array(count * width);
  target.set(values.subarray(row * width, (row + 1) * width), index * width);
  return target;
}

export class WaitingRequest {
  readonly count: number;
  readonly kind: BatchKind;
  readonly key: string;
  readonly rank: number;
  readonly deadline: number;
  readonly clock: RequestClock | undefined;
  readonly caller: string;
  readonly ready: ReadyImage[] = [];
  readonly answer: Promise<Answer>;
  /** Images that are in no batch yet. */
  waiting: number;
  #unanswered: number;
  #whole: Partial<Answer> = {};
  #resolve: (answer: Answer) => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor({ count, kind, priority, deadline, clock, caller = "" }: BatcherRequest) {
    this.count = count;
    this.kind = kind;
    this.key = kindKey(kind);
    this.rank = rankOf(priority);
    this.deadline = deadline;
    this.clock = clock;
    this.caller = caller;
    this.waiting = count;
    this.#unanswered = count;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.reject = reject;
    });
  }

  /** At most `most` images that are ready, for a batch. */
  take(most: number): ReadyImage[] {
    const taken = this.ready.splice(0, most);
    this.waiting -= taken.length;
    return taken;
  }

  /** Image `index` was row `row` of a batch of `rows` images. */
  deliver(batch: Answer, rows: number, row: number, index: number): void {
    const copy = { rows, row, count: this.count, index };
    const whole = this.#whole;
    for (const name of ["classLogits", "distillationLogits", "logits", "embeddings"] as const) {
      const values = batch[name];
      if (values) whole[name] = copyRow(whole[name], values, copy);
    }
    const { attention } = batch;
    if (attention) {
      const values = copyRow(whole.attention?.values, attention.values, copy);
      whole.attention = { grid: attention.grid, values };
    }
    if (--this.#unanswered === 0) this.#resolve(whole as Answer);
  }
}
