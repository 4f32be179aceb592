// Top five: what counts as decided, as the same and as a failure when two devices' logits are compared.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareTopFive, largestIndices, topFiveMargin } from "./top-five.js";

const CLEAR = Float32Array.of(1, 9, 7, 5, 3, 0, 8, -1);

test("the largest come first, of equal ones the earlier; the margin is the narrowest of the first six", () => {
  assert.equal(largestIndices(CLEAR, 5), [1, 6, 2, 3, 4]);
  assert.equal(largestIndices(Float32Array.of(2, 2, 3), 3), [2, 0, 1]);
  assert.is(topFiveMargin(CLEAR), 1);
  assert.is(topFiveMargin(Float32Array.of(9, 8, 7, 6, 5, 4.75, 4.74)), 0.25);
});

test("five that differ fail where rounding cannot have done it, and nowhere else", () => {
  const near = Float32Array.of(1, 9, 7, 5, 3, 2.9995, 8, -1);
  const swapped = Float32Array.of(1, 9, 7, 5, 2.9996, 3, 8, -1);
  const wrong = CLEAR.slice();
  [wrong[1], wrong[6]] = [8, 9];
  const trusted = [CLEAR, near, CLEAR];
  const report = compareTopFive(["a", "b", "c"], trusted, [CLEAR, swapped, wrong], 1e-3);
  assert.equal([report.images, report.decided, report.agreed, report.same], [3, 2, 1, 1]);
  assert.equal(
    report.failures.map(({ image, want, got }) => [image, want[0], got[0]]),
    [["c", 1, 6]],
  );
  assert.is(report.largestDifference, 1);
});

test("a logit beyond the tolerance, or one that is no number, fails even where the order stays", () => {
  const far = CLEAR.map((value, i) => value + (i === 7 ? 0.01 : 0));
  const broken = CLEAR.map((value, i) => (i === 7 ? Number.NaN : value));
  const report = compareTopFive(["far", "broken"], [CLEAR, CLEAR], [far, broken], 1e-3);
  assert.equal(
    report.failures.map(({ image }) => image),
    ["far", "broken"],
  );
});

test.run();
