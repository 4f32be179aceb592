// Run curve: a curve of any length stays small, and its points are means of equally many values.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { RunCurve, RunCurves } from "../../proto/run-curve.js";

test("a short curve is its values; what is not finite is left out", () => {
  const curve = new RunCurve();
  for (const [step, value] of [
    [1, 2],
    [2, Number.NaN],
    [3, 4],
    [4, Number.POSITIVE_INFINITY],
  ] as const)
    curve.add(step, value);
  assert.equal(curve.points(), { steps: [1, 3], values: [2, 4] });
});

test("a curve of a million values keeps a few hundred points, each the mean of its steps", () => {
  const curve = new RunCurve();
  for (let step = 1; step <= 1_000_000; step++) curve.add(step, step);
  const { steps, values } = curve.points();
  assert.ok(steps.length >= 300 && steps.length <= 600, `${steps.length} points`);
  assert.is(steps.at(-1), 1_000_000);
  const size = steps[0] as number;
  for (let point = 0; point < steps.length - 1; point++) {
    assert.is(steps[point], size * (point + 1));
    assert.ok(Math.abs((values[point] as number) - (size * point + (size + 1) / 2)) < 1e-6);
  }
});

test("curves are by the columns that have values", () => {
  const curves = new RunCurves({ loss: { steps: [1], values: [5] } });
  curves.add(2, { loss: 3, top1: 50, none: null, broken: Number.NaN });
  assert.equal(curves.points(), {
    loss: { steps: [1, 2], values: [5, 3] },
    top1: { steps: [2], values: [50] },
  });
});

test.run();
