// The benches' estimate: the median, and its 95% bootstrap interval.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { estimate, median } from "../../bench/statistics.js";

/** Rounds of a ratio of 2 with a fixed spread. */
const rounds = (count: number) => Array.from({ length: count }, (_, i) => 2 + Math.sin(i * 2.4) / 10);

test("the median of an even count is the mean of the two middle values", () => {
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.is(median([9, 1, 5]), 5);
});

test("the interval contains the median and is the same for the same rounds", () => {
  const first = estimate(rounds(9));
  assert.ok(first.low < first.median && first.median < first.high, JSON.stringify(first));
  assert.equal(estimate(rounds(9)), first);
});

test("one slow round does not move the estimate, and four times the rounds narrow it", () => {
  const few = estimate(rounds(9));
  const disturbed = estimate([...rounds(8), 20]);
  assert.ok(Math.abs(disturbed.median - few.median) < 0.1);
  const many = estimate(rounds(36));
  assert.ok(many.high - many.low < few.high - few.low);
});

test("equal rounds give an interval of width 0", () => {
  assert.equal(estimate([1.5, 1.5, 1.5]), { median: 1.5, low: 1.5, high: 1.5 });
});

/** P(at least `least` of `count` independent trials succeed), each with probability `p`. */
function binomialTail(count: number, p: number, least: number): number {
  let term = (1 - p) ** count;
  let below = 0;
  for (let k = 0; k < least; k++) {
    below += term;
    term *= ((count - k) / (k + 1)) * (p / (1 - p));
  }
  return 1 - below;
}

test("the interval has the bounds of the exact 95% bootstrap interval of the median", () => {
  // A resample's median is at most the k-th of n values if more than half of its n draws are among the first k.
  for (const n of [7, 11, 19, 21]) {
    const values = Array.from({ length: n }, (_, i) => i + 1);
    const low = values.find((k) => binomialTail(n, k / n, (n + 1) / 2) >= 0.025);
    const { low: found, high } = estimate(values);
    assert.equal([found, high], [low, n + 1 - (low ?? 0)], `${n} rounds`);
  }
});

test.run();
