// Dry run: rates, waiting and the estimate follow from the seconds that data and steps take, and the arithmetic from the
// model's shapes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { multiplyAdds } from "../../runtime/graph/multiply-adds.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { publishedRegnety } from "../../runtime/models/regnety/config.js";
import { planTraining } from "../../runtime/training/plan.js";
import { describeDryRun, measureRun } from "../../trainer/dry-run.js";
import { FakeSource, FakeTraining, fakeRun, fakeSettings } from "./fake-run.js";

const { math } = await createImageModule(nodeHost());

/** A run on a clock of its own, where a batch, a step and a validation batch take so many seconds. */
async function measured(seconds: { data: number; step: number; validation: number }) {
  let now = 0;
  const training = new FakeTraining();
  const { accumulate, evaluate } = training;
  training.accumulate = (inputs) => {
    now += seconds.step;
    return accumulate.call(training, inputs);
  };
  training.evaluate = (...inputs) => {
    now += seconds.validation;
    return evaluate.call(training, ...inputs);
  };
  const source = new FakeSource(() => void (now += seconds.data));
  return measureRun(fakeRun("unused", math, { training, source }), () => now);
}

const near = (got: number, want: number, text?: string) =>
  assert.ok(Math.abs(got - want) <= 1e-9 * Math.abs(want), `${text}: ${got}, wanted ${want}`);

test("a slow server is the bottleneck, and its workers the advice", async () => {
  const facts = await measured({ data: 3, step: 1, validation: 0.5 });
  assert.is(facts.bottleneck, "data");
  assert.match(facts.advice, /--workers/);
  near(facts.dataRate, 4 / 3, "data");
  near(facts.computeRate, 4, "compute");
  near(facts.secondsPerStep, 4, "a step");
  near(facts.dataWait, 0.75, "waiting");
});

test("a slow step is the bottleneck, and the estimate covers all steps and validations", async () => {
  const facts = await measured({ data: 0.25, step: 4.75, validation: 1 });
  assert.is(facts.bottleneck, "compute");
  near(facts.secondsPerStep, 5, "a step");
  near(facts.dataWait, 0.05, "waiting");
  assert.equal([facts.steps, facts.validations, facts.batchSize], [15, 3, 4]);
  // Weights and average: two seconds for two images of 21, one source for both.
  near(facts.validationSeconds ?? 0, 21, "a validation");
  near(facts.totalSeconds, 15 * 5 + 3 * 21, "the run");
  const text = describeDryRun(facts).join("\n");
  assert.match(text, /nothing is written/);
  assert.equal(
    text.split("\n").filter((line) => line.length > 80),
    [],
  );
  assert.match(text, /together +0\.800 images\/s: 5\.0 s a step of 4, 5% of it waiting for data/);
  assert.match(text, /whole run +3 epochs, 15 steps: about 2 min 18 s/);
});

test("large rates are whole numbers, and one of something is said so", async () => {
  const facts = await measured({ data: 0.25, step: 4.75, validation: 1 });
  const text = describeDryRun({ ...facts, dataRate: 1130.4, epochs: 1, steps: 1, validations: 1 }).join("\n");
  assert.match(text, /data alone +1,130 images\/s/);
  assert.match(text, /each time, 1 time$/m);
  assert.match(text, /whole run +1 epoch, 1 step: /);
});

test("a server and a trainer that take turns are told apart from a slow server", async () => {
  const { bottleneck, advice } = await measured({ data: 0.5, step: 1, validation: 1 });
  assert.is(bottleneck, "data");
  assert.match(advice, /same cores/);
});

test("a teacher's server that takes most of a step is the bottleneck", async () => {
  let now = 0;
  const training = new FakeTraining();
  const { accumulate } = training;
  training.accumulate = (inputs) => {
    now += 1;
    return accumulate.call(training, inputs);
  };
  const source = new FakeSource(() => void (now += 0.25));
  const settings = fakeSettings({ teacher: "grpc://127.0.0.1:8001", distillation: "hard" });
  const run = fakeRun("unused", math, { training, source, settings, validation: null });
  const teacher = async (_pixels: Uint8Array, count: number) => {
    now += 2;
    return new Float32Array(3 * count);
  };
  const facts = await measureRun({ ...run, objective: { ...run.objective, teacher } }, () => now);
  near(facts.teacherRate ?? 0, 2, "the teacher");
  near(facts.computeRate, 4 / 3, "a step with it");
  assert.is(facts.bottleneck, "teacher");
  assert.match(facts.advice, /--max-batch/);
  assert.match(describeDryRun(facts).join("\n"), /teacher alone +2.00 images\/s.*\n +teacher\+compute +1.33/);
});

test("multiply-adds are those that papers state as FLOPs, and a training step has three times the forward pass's", () => {
  const config = completeConfig(
    { imageSize: 224, patchSize: 16, dim: 192, depth: 12, classes: 1000 },
    "DeiT-Ti",
  );
  const { dim, depth, mlpDim } = config;
  const [patches, tokens] = [196, 197];
  // The last block computes only the class token's row behind its attention.
  const rows = tokens * (depth - 1) + 1;
  const blocks = depth * tokens * dim * 3 * dim + rows * dim * (dim + 2 * mlpDim);
  const attention = depth * 2 * tokens * tokens * dim;
  const forward = multiplyAdds(inferenceGraph(config, 1));
  assert.is(forward, blocks + attention + patches * dim * 3 * 16 * 16 + 1000 * dim);
  assert.ok(forward > 1.15e9 && forward < 1.26e9, `${forward}`);
  const teacher = publishedRegnety("regnety_160");
  const teacherForward = teacher ? multiplyAdds(inferenceGraph(teacher, 1)) : 0;
  assert.ok(Math.abs(teacherForward / 15.96e9 - 1) < 0.02, `timm states 15.96 G, got ${teacherForward}`);
  const options = {
    config,
    batchSize: 1,
    distillation: "none",
    alpha: 0,
    tau: 1,
    dropPath: 0,
    ema: false,
  } as const;
  const any = { fuses: new Set<never>(), alignmentBytes: 16, limitBytes: Number.MAX_SAFE_INTEGER };
  const step = multiplyAdds(planTraining(options, any).accumulate.graph);
  assert.ok(step / forward > 2.9 && step / forward < 3.1, `${step / forward}`);
  const recomputed = multiplyAdds(planTraining({ ...options, recompute: true }, any).accumulate.graph);
  assert.ok(recomputed / step > 1.2 && recomputed / step < 1.34, `${recomputed / step}`);
});

test.run();
