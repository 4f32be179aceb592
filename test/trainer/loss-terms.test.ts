// Loss terms: what is said of a distilled step besides its loss.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { LossTermSums } from "../../runtime/training/loss-terms.js";

test("both terms are weighted sums, and the agreement compares every class of both heads' mean", () => {
  const sums = new LossTermSums(2);
  const outputs = {
    base: Float32Array.of(1, 2, 100),
    distillation: Float32Array.of(0.5, 1.5, 100),
    classLogits: Float32Array.of(4, 0, 1, 0, 1, 3, 9, 0, 0),
    distillationLogits: Float32Array.of(4, 0, 1, 0, 4, 1, 9, 0, 0),
  };
  // The teacher says 0, 2 and 1; the student 0, by both heads' mean 1, and of the skipped sample 0.
  const teacher = Float32Array.of(7, 1, 1, 0, 1, 2, 0, 1, 0);
  sums.add(outputs, Float32Array.of(0.5, 0.25, 0), teacher);
  assert.equal(sums.terms(), { base: 1, distillation: 1.25, teacherAgreement: 50 });
});

test("without a second head the class head answers, and no sample agrees with nobody", () => {
  const sums = new LossTermSums(1);
  assert.equal(sums.terms(), { base: 0, distillation: 0, teacherAgreement: 0 });
  const outputs = {
    base: Float32Array.of(1),
    distillation: Float32Array.of(1),
    classLogits: Float32Array.of(3, 1),
  };
  sums.add(outputs, Float32Array.of(1), Float32Array.of(2, 0));
  assert.is(sums.terms().teacherAgreement, 100);
});

test.run();
