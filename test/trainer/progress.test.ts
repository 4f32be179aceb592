// Progress: one rewritten line on a terminal, a periodic line in a log; rates over the last steps.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  createProgress,
  kernelProgress,
  type ProgressReport,
  validationProgress,
} from "../../trainer/progress.js";
import { StepClock } from "../../trainer/recent-steps.js";

const REPORT: ProgressReport = {
  epoch: 2,
  epochs: 300,
  step: 41,
  steps: 3600,
  loss: 2.31449,
  learningRate: 1.5625e-5,
  imagesPerSecond: 9.84,
  dataWait: 0.034,
};
const LINE = "epoch 2/300  step 41/3600  loss 2.3145  lr 1.563e-5  9.8 img/s  data wait 3%";

function stream(isTTY: boolean, columns?: number) {
  let text = "";
  const write = (part: string) => {
    text += part;
  };
  return { isTTY, columns, write, text: () => text };
}

test("a log gets the first line, then one every five seconds, and the last one", () => {
  const out = stream(false);
  let time = 0;
  const progress = createProgress(out, () => time);
  for (let step = 1; step <= 12; step++) {
    progress.report({ ...REPORT, step });
    time += 1000;
  }
  progress.end();
  progress.end();
  const steps = [...out.text().matchAll(/step (\d+)/g)].map((match) => Number(match[1]));
  assert.equal(steps, [1, 6, 11, 12]);
  assert.ok(out.text().startsWith(LINE.replace("step 41", "step 1")));
});

test("a terminal has one line, which is rewritten, kept below other lines, and cut to its width", () => {
  const out = stream(true, 30);
  const progress = createProgress(out);
  progress.report(REPORT);
  progress.say("validation: 3 of 4");
  progress.end();
  const erase = "\r\u001b[2K";
  const cut = LINE.slice(0, 29);
  assert.is(out.text(), `${erase}${cut}${erase}validation: 3 of 4\n${erase}${cut}\n`);
});

test("a run measured in steps has no number of epochs to reach", () => {
  const out = stream(false);
  createProgress(out).report({ ...REPORT, epochs: null });
  assert.ok(out.text().startsWith("epoch 2  step 41/3600  "));
});

test("compiling kernels and validating show a line on a terminal, erased at the end, and nothing elsewhere", () => {
  const erase = "\r\u001b[2K";
  const kernels = stream(true);
  const onKernels = kernelProgress(kernels);
  onKernels?.({ made: 1, wanted: 2 });
  onKernels?.({ made: 2, wanted: 2 });
  assert.is(kernels.text(), `${erase}compiling kernels for the GPU: 1 of 2${erase}`);
  assert.is(kernelProgress(stream(false)), undefined);
  const terminal = stream(true);
  let time = 0;
  const validation = validationProgress(8, terminal, () => time);
  time = 500;
  validation.report(4, 3);
  validation.clear();
  validation.clear();
  assert.is(terminal.text(), `${erase}4 of 8 images  8.0 images/s  top-1 75.00%${erase}`);
  const log = stream(false);
  validationProgress(8, log).report(4, 3);
  assert.is(log.text(), "");
});

test("rates cover the last ten steps and exclude what was not training", () => {
  let now = 0;
  const clock = new StepClock(() => now);
  assert.equal(clock.rates(), { imagesPerSecond: 0, dataWait: 0 });
  for (let step = 0; step < 10; step++) {
    now += 100;
    clock.tick(1, 100);
  }
  now += 1e6;
  clock.restart();
  for (let step = 0; step < 10; step++) {
    now += 2;
    clock.tick(16, 0.5);
  }
  assert.equal(clock.rates(), { imagesPerSecond: 8, dataWait: 0.25 });
});

test.run();
