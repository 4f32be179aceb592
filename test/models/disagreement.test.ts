// Disagreement: validate's table of how often labels, teacher, heads and model decide differently, and the heads' own
// scores.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Disagreement, DisagreementCounts } from "../../bin/validate/disagreement.js";
import type { HeadResult } from "../../bin/validate/results.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import { runVitrine } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { randomWeights } from "../executors/micro-deit.js";
import { tinyConfig, writeTinyModel } from "../trainer/tiny-model.js";

const test = suite<{ set: SyntheticDataSet; folder: string; student: string; teacher: string }>(
  "disagreement",
);

test.before(async (context) => {
  context.set = createDataSet(24);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-disagreement-"));
  const { folder } = context;
  context.student = await writeTinyModel(join(folder, "student"), tinyConfig(), ["cat", "dog", "emu"], 3);
  // Weights of a new model would answer every picture alike.
  const weights = writeSafetensors(storedFloats(randomWeights(tinyConfig(), 3)));
  writeFileSync(join(context.student, "model.safetensors"), weights);
  // Other classes first, and another input size: a teacher sees the pictures as its own files say.
  const config = tinyConfig({ distilled: false, imageSize: 48 });
  context.teacher = await writeTinyModel(join(folder, "teacher"), config, ["emu", "cat", "dog"], 4);
});

test.after(({ set, folder }) => {
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

interface Result extends HeadResult {
  heads: { class: HeadResult; distillation: HeadResult } | null;
  disagreement: Disagreement | null;
}

const run = (data: string, ...flags: string[]) =>
  runVitrine(["validate", "--data", data, "--workers", "0", "--device", "wasm", "--threads", "1", ...flags]);

async function jsonOf(data: string, ...flags: string[]): Promise<Result> {
  const { status, output, errors } = await run(data, ...flags, "--json");
  assert.is(status, 0, errors);
  return JSON.parse(output) as Result;
}

test("a classifier disagrees with the labels on what it gets wrong, and with itself never", async ({
  set,
  student,
  teacher,
}) => {
  const result = await jsonOf(set.path, "--model", student, "--teacher", teacher);
  const { heads } = result;
  const { classifiers, fractions, images } = result.disagreement as Disagreement;
  assert.is(images, 24);
  assert.equal(classifiers, ["labels", "teacher", "class", "distillation", "model"]);
  const alone = await jsonOf(set.path, "--model", teacher);
  assert.equal([alone.heads, alone.disagreement], [null, null]);
  const right = [100, alone.top1, heads?.class.top1, heads?.distillation.top1, result.top1];
  for (const [i, top1] of right.entries())
    assert.ok(Math.abs((fractions[0]?.[i] as number) - (1 - (top1 as number) / 100)) < 1e-9, classifiers[i]);
  for (const i of classifiers.keys())
    for (const j of classifiers.keys()) assert.is(fractions[i]?.[j], i === j ? 0 : fractions[j]?.[i]);
  assert.ok(fractions[2]?.[3], "the heads of random weights differ somewhere");
});

test("the printed table and heads fit 80 columns", async ({ set, student, teacher }) => {
  const { output, errors } = await run(set.path, "--model", student, "--teacher", teacher);
  const lines = output.trimEnd().split("\n");
  assert.ok(lines.every((line) => line.length <= 80));
  assert.match(output, /^ {2}class head +top-1 \d+\.\d\d% {2}loss/m, errors);
  assert.match(output, /^ {2}distillation head +top-1/m);
  assert.match(
    output,
    /^disagreement on 24 images:\n +labels +teacher +class +distillation +model\n {2}labels +0\.000/m,
  );
});

test("a teacher with other classes is refused", async ({ set, folder, student }) => {
  const other = await writeTinyModel(join(folder, "other"), tinyConfig(), ["x", "y", "z"], 4);
  const { status, errors } = await run(set.path, "--model", student, "--teacher", other);
  assert.is(status, 1);
  assert.match(errors, /training\/teacher-classes: .*other/);
});

test("images that the teacher could not answer are not counted", () => {
  const counts = new DisagreementCounts(new Map([["a.jpg", 1]]));
  const logits = Float32Array.of(0, 2, 1);
  counts.add("a.jpg", 2, { logits, classLogits: logits });
  counts.add("b.jpg", 2, { logits, classLogits: logits });
  const { classifiers, fractions, images } = counts.table();
  assert.equal([classifiers, images], [["labels", "teacher", "model"], 1]);
  assert.equal(fractions, [
    [0, 1, 1],
    [1, 0, 0],
    [1, 0, 0],
  ]);
});

test.run();
