// Progress: one rewritten line on a terminal, a periodic line in a log; rates over the last steps.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataWaitAdvice, stageOf } from "../../trainer/core/data-wait.js";
import type { ProgressReport } from "../../trainer/core/progress-report.js";
import { RunClock, StepClock } from "../../trainer/core/recent-steps.js";
import { formatDuration } from "../../trainer/duration.js";
import { createProgress, kernelProgress, progressLine, validationProgress } from "../../trainer/progress.js";

const REPORT: ProgressReport = {
  epoch: 2,
  epochs: 300,
  step: 41,
  steps: 3600,
  loss: 2.31449,
  learningRate: 1.5625e-5,
  imagesPerSecond: 9.84,
  dataWait: 0.034,
  elapsedSeconds: 72,
  remainingSeconds: 6302,
  peakBytes: 312e6,
  deviceBytes: null,
};
const LINE = "epoch 2/300  step 41/3600  loss 2.3145  lr 1.56e-5  9.8 img/s  mem 312 MB  1:12  ETA 1:45:02";

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
  const cut = "step 41/3600  loss 2.3145";
  assert.is(out.text(), `${erase}${cut}${erase}validation: 3 of 4\n${erase}${cut}\n`);
  // The last column stays empty: a cursor behind it would wrap on some terminals.
  const narrow = stream(true, cut.length + 1);
  createProgress(narrow).report(REPORT);
  assert.is(narrow.text(), `${erase}${cut}`);
});

test("a line that does not fit leaves out whole parts, learning rate and memory first, the step never", () => {
  const waiting = { ...REPORT, dataWait: 0.25, deviceBytes: 2.1e9, peakBytes: 4.12e9 };
  assert.match(progressLine(waiting), / {2}data wait 25% {2}mem 4\.1 GB \+ 2\.1 GB GPU {2}1:12 {2}ETA/);
  assert.is(progressLine(REPORT, 79), "epoch 2/300  step 41/3600  loss 2.3145  9.8 img/s  1:12  ETA 1:45:02");
  const long = { ...waiting, epoch: 299, step: 374_999, steps: 375_300, remainingSeconds: 1e6 };
  for (let width = 1; width <= 140; width++) {
    const line = progressLine(long, width);
    assert.ok(line.length <= Math.max(width, "step 374999/375300".length), `${width}: ${line}`);
    assert.match(line, /step 374999/);
  }
});

test("a terminal of 80 columns has the whole line in one row, and so has one that does not say its width", () => {
  const long = { ...REPORT, step: 374_999, steps: 375_300, dataWait: 0.25, deviceBytes: 2.1e9 };
  for (const columns of [80, 0, undefined]) {
    const out = stream(true, columns);
    createProgress(out).report(long);
    const line = out.text().slice("\r\u001b[2K".length);
    assert.is(line, "epoch 2/300  step 374999/375300  loss 2.3145  9.8 img/s  ETA 1:45:02", `${columns}`);
  }
});

test("durations are read as people write them", () => {
  const times = [0.4, 41, 59.6, 725, 3723, 86_399, 183_600, Number.NaN];
  assert.equal(times.map(formatDuration), [
    "0:00",
    "0:41",
    "1:00",
    "12:05",
    "1:02:03",
    "23:59:59",
    "2d 3h",
    "?",
  ]);
});

test("a validation shows how far it is: in place on a terminal, every five seconds in a log", () => {
  const terminal = stream(true, 80);
  createProgress(terminal).status("validating 320/2000");
  assert.is(terminal.text(), "\r\u001b[2Kvalidating 320/2000");
  const out = stream(false);
  let time = 0;
  const progress = createProgress(out, () => time);
  for (let images = 0; images <= 12; images++) {
    progress.status(`validating ${images}/12`);
    time += 1000;
  }
  assert.is(out.text(), "validating 0/12\nvalidating 5/12\nvalidating 10/12\n");
});

test("the run's time counts validations, and its end follows from the mean pace since the start", () => {
  let now = 100;
  const clock = new RunClock(20, () => now);
  assert.ok(Number.isNaN(clock.times(20, 50).remainingSeconds), "unknown before the first step");
  now += 40;
  assert.equal(clock.times(30, 50), { elapsedSeconds: 40, remainingSeconds: 80 });
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
  assert.equal(clock.rates(), { imagesPerSecond: 0, dataWait: 0, dataStage: "decoding" });
  for (let step = 0; step < 10; step++) {
    now += 100;
    clock.tick(1, 100);
  }
  now += 1e6;
  clock.restart();
  for (let step = 0; step < 10; step++) {
    now += 2;
    clock.tick(16, 0.5, step < 4 ? 0.5 : 0.1);
  }
  assert.equal(clock.rates(), { imagesPerSecond: 8, dataWait: 0.25, dataStage: "transfer" });
});

test("a wait is for the transfer where parts of the batches were there most of the time, else for who makes them", () => {
  assert.is(stageOf(1, 0.6), "transfer");
  assert.is(stageOf(1, 0.4), "server");
  assert.is(stageOf(1, undefined), "decoding");
  assert.match(
    progressLine({ ...REPORT, dataWait: 0.2, dataStage: "server" }),
    / {2}data wait 20% \(server\) {2}/,
  );
});

test("what is waited for is said once in a run, after its first steps, and only above 5%", () => {
  const advice = new DataWaitAdvice();
  const waiting = { dataWait: 0.21, dataStage: "decoding" } as const;
  const said = Array.from({ length: 40 }, (_, step) =>
    advice.after(step === 19 ? { ...waiting, dataWait: 0.04 } : waiting),
  );
  assert.equal(
    said.flatMap((text, step) => (text === null ? [] : [step])),
    [20],
  );
  assert.match(said[20] as string, /^waiting for data takes 21% of the time: .*--workers/);
});

test.run();
