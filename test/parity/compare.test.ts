// Compare: the floor of every tolerance, and the values that no tolerance accepts.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compare, compareWhole, unitInLastPlace } from "./compare.js";

const UNIT = 2 ** -22;
const LOSS = 2.3;
/** Below the unit in the last place of 2.3, as PyTorch's own error may be by chance. */
const STATED = 1e-8;

/** `want` with the largest value increased by `units` units in the last place. */
const moved = (want: readonly number[], units: number) =>
  Float32Array.from(want, (value, i) => (i === 0 ? Math.fround(value) + units * UNIT : value));

test("a unit in the last place is the distance to the next float32", () => {
  assert.is(unitInLastPlace(LOSS), UNIT);
  assert.is(unitInLastPlace(-LOSS), UNIT);
  assert.is(unitInLastPlace(1), 2 ** -23);
  assert.is(unitInLastPlace(2 ** 24), 2);
  assert.is(unitInLastPlace(0), 2 ** -149);
});

test("one unit in the last place of the largest value passes, three do not, where the tolerance is smaller", () => {
  const want = Float32Array.of(LOSS, 0.001, -0.5);
  const passes = (units: number) => compare("loss", moved([...want], units), want, STATED).ok;
  assert.equal([0, 1, 2, 3, -1, -3].map(passes), [true, true, true, false, true, false]);
  assert.is(compare("loss", want, want, STATED).tolerance, 2 * UNIT);
});

test("a stated tolerance above the floor decides, and equality has no floor", () => {
  const want = Float32Array.of(LOSS);
  assert.ok(compare("wide", moved([LOSS], 40), want, 41 * UNIT).ok);
  assert.not(compare("wide", moved([LOSS], 42), want, 41 * UNIT).ok);
  assert.not(compare("equal", moved([LOSS], 1), want, 0).ok);
});

test("the floor is that of the compared values: excluded ones do not count, and a movement has a small floor", () => {
  const want = Float32Array.of(LOSS, 0.5);
  const got = Float32Array.of(LOSS, 0.5 + 2 * UNIT);
  assert.ok(compare("with the large value", got, want, STATED).ok);
  assert.not(compare("without it", got, want, STATED, { excluded: (i) => i === 0 }).ok);
  assert.not(compare("movement", got, want, STATED, { largest: 1e-4 }).ok);
  assert.not(compareWhole("movement", got, want, 1e-9, { start: want }).ok);
});

test("missing values, another length and NaN fail", () => {
  const want = Float32Array.of(1, 2);
  for (const got of [undefined, Float32Array.of(1), Float32Array.of(1, Number.NaN)])
    assert.not(compare("wrong", got, want, 1).ok);
});

test.run();
