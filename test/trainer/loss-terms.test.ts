// Loss terms: what is said of a distilled step besides its loss.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { batchLoss, lossSums } from "../../runtime/training/loss-terms.js";

const loss = Float32Array.of(0.5);

test("both terms are weighted sums, and the agreement compares every class of both heads' mean", () => {
  const outputs = {
    loss,
    base: Float32Array.of(1, 2, 100),
    distillation: Float32Array.of(0.5, 1.5, 100),
    classLogits: Float32Array.of(4, 0, 1, 0, 1, 3, 9, 0, 0),
    distillationLogits: Float32Array.of(4, 0, 1, 0, 4, 1, 9, 0, 0),
  };
  // The teacher says 0, 2 and 1; the student 0, by both heads' mean 1, and of the skipped sample 0.
  const teacherLogits = Float32Array.of(7, 1, 1, 0, 1, 2, 0, 1, 0);
  const sums = lossSums(outputs, 2, { sampleWeights: Float32Array.of(0.5, 0.25, 0), teacherLogits });
  const terms = { base: 1, distillation: 1.25, teacherAgreement: 50 };
  assert.equal(batchLoss([sums], true), { loss: 0.5, terms });
  const twice = { base: 2, distillation: 2.5, teacherAgreement: 50 };
  assert.equal(batchLoss([sums, sums], true), { loss: 1, terms: twice });
});

test("without a second head the class head answers, and no sample agrees with nobody", () => {
  const outputs = { loss, base: loss, distillation: loss, classLogits: Float32Array.of(3, 1) };
  const teacherLogits = Float32Array.of(2, 0);
  const skipped = lossSums(outputs, 1, { sampleWeights: Float32Array.of(0), teacherLogits });
  assert.equal(batchLoss([skipped], true).terms, { base: 0, distillation: 0, teacherAgreement: 0 });
  const counted = lossSums(outputs, 1, { sampleWeights: Float32Array.of(1), teacherLogits });
  assert.is(batchLoss([counted], true).terms?.teacherAgreement, 100);
});

test("without distillation a batch has no terms", () => {
  assert.equal(batchLoss([lossSums({ loss }, 1), lossSums({ loss }, 1)], false), { loss: 1 });
});

test.run();
