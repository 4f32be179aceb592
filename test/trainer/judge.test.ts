// Judge: the rank of the correct class and the cross-entropy of one answer, and their means over a validation.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { judge, validate } from "../../trainer/core/validation.js";
import { FakeTraining, fakeValidation } from "./fake-run.js";

const rank = (logits: number[], label: number) => judge(Float32Array.from(logits), label).beatenBy;

test("the rank is the label's position in the sorted logits, and the loss −log softmax", () => {
  assert.equal(
    [0, 1, 2, 3].map((label) => rank([1, 4, -2, 3], label)),
    [2, 0, 3, 1],
  );
  const { loss } = judge(Float32Array.of(1, 2, 3), 1);
  assert.ok(Math.abs(loss - Math.log(1 + Math.exp(1) + Math.exp(-1))) < 1e-9);
});

test("a model with equal logits for every class is correct on only one class", () => {
  const right = [0, 1, 2, 3, 4, 5].filter((label) => rank([7, 7, 7, 7, 7, 7], label) === 0);
  assert.equal(right, [0]);
});

test("a model whose logits are NaN is never correct", () => {
  const { NaN: none } = Number;
  for (const label of [0, 1, 2]) assert.is(rank([none, none, none], label), 3);
  assert.is(rank([none, 5, 1], 1), 1);
});

test("large logits do not overflow, and a label without a logit is wrong", () => {
  assert.is(judge(Float32Array.of(1e4, -1e4), 0).loss, 0);
  assert.equal(judge(Float32Array.of(1, 2), 7), { beatenBy: 2, loss: Number.POSITIVE_INFINITY });
});

test("a validation's scores are the means of its images' ranks and losses", async () => {
  const training = new FakeTraining();
  const source = fakeValidation();
  const found = await validate(training, { source, classMap: Int32Array.of(0, 1, 2), ema: true });
  let [right, loss, images] = [0, 0, 0];
  for await (const { pixels, labels, count } of source.batches()) {
    const { logits } = await training.evaluate(pixels, count, "weights");
    for (let i = 0; i < count; i++) {
      const answer = judge(logits.subarray(3 * i, 3 * i + 3), labels[i]);
      if (answer.beatenBy === 0) right++;
      loss += answer.loss;
      images++;
    }
  }
  assert.is(found.images, images);
  assert.is(found.weights.top1, (100 * right) / images);
  // A loss is counted to a billionth.
  assert.ok(Math.abs(found.weights.loss - loss / images) < 1e-9);
  // The fake average has the fake weights' values.
  assert.equal(found.ema, found.weights);
});

test.run();
