// Scalars: the tags and values that TensorBoard shows of a validation.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ModelScores } from "../../trainer/core/validation.js";
import { validationScalars } from "../../trainer/scalars.js";

const scores = (top1: number): ModelScores => ({ top1, top5: top1 + 1, loss: top1 / 100 });

test("a validation has the scores of weights, average and heads under tags of their own", () => {
  const heads = { class: scores(40), distillation: scores(60) };
  const found = validationScalars({ images: 4, weights: { ...scores(50), heads }, ema: scores(55) });
  const shown = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
  assert.equal(shown, {
    ...{ "val/top1": 50, "val/top5": 51, "val/loss": 0.5, "val/class_top1": 40, "val/class_loss": 0.4 },
    ...{ "val/distillation_top1": 60, "val/distillation_loss": 0.6 },
    ...{ "val_ema/top1": 55, "val_ema/top5": 56, "val_ema/loss": 0.55 },
  });
});

test("without an average there is nothing under its tags", () => {
  const found = validationScalars({ images: 4, weights: scores(50), ema: null });
  assert.ok(Object.entries(found).every(([tag, value]) => value === undefined || tag.startsWith("val/")));
});

test.run();
