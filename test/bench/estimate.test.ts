// The benches' estimate: the median is the middle, the interval holds it, and it narrows with more rounds.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { estimate, median } from "../../bench/statistics.js";

/** Rounds of a ratio of 2 with a fixed spread. */
const rounds = (count: number) => Array.from({ length: count }, (_, i) => 2 + Math.sin(i * 2.4) / 10);

test("the median of an even count lies between the two in the middle", () => {
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.is(median([9, 1, 5]), 5);
});

test("the interval holds the median and comes out the same again", () => {
  const first = estimate(rounds(9));
  assert.ok(first.low < first.median && first.median < first.high, JSON.stringify(first));
  assert.equal(estimate(rounds(9)), first);
});

test("one slow round does not move the estimate, four times the rounds narrow it", () => {
  const few = estimate(rounds(9));
  const disturbed = estimate([...rounds(8), 20]);
  assert.ok(Math.abs(disturbed.median - few.median) < 0.1);
  const many = estimate(rounds(36));
  assert.ok(many.high - many.low < few.high - few.low);
});

test("equal rounds leave no doubt", () => {
  assert.equal(estimate([1.5, 1.5, 1.5]), { median: 1.5, low: 1.5, high: 1.5 });
});

test.run();
