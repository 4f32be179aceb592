// Trainer in a page: a run in Chromium's workers is the run of `vitrine train`, byte for byte, whether it was stopped,
// reloaded or killed on the way.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LabeledPicture } from "../../client/browser/trainer.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { makeTinyModel } from "../inference/tiny-model.js";
import { assertClose } from "../nn/compare.js";
import { findChromium } from "./chromium.js";
import { type Asked, digestOf, type TabRun, TrainingSite } from "./training-site.js";

const tiny = makeTinyModel();
let site: TrainingSite;
/** Folder of the model that Node trained. */
let nodeHead: string;

const HEAD: Asked = { model: "/model", device: "wasm", settings: { epochs: 6, seed: 3 } };
/** Every augmentation, Mixup and CutMix, stochastic depth and the average. */
const ALL: Asked = {
  model: "/model",
  device: "wasm",
  trains: "all",
  settings: { recipe: "deit", epochs: 4, "batch-size": 6, repeats: 1, seed: 5 },
};

function registerTests(executable: string): void {
  test.before(async () => {
    site = await TrainingSite.open(executable, tiny.folder, { train: 10, val: 6 });
  });
  test.after(async () => {
    await site?.close();
    tiny.remove();
  });

  let head: TabRun;

  test("a head trained in a page has the weights of vitrine train with the flags that the page names", async () => {
    head = await site.train({ ...HEAD, run: "head" });
    assert.equal([head.finished, head.facts.classes, head.facts.pictures], [true, site.classes, 20]);
    assert.ok(head.facts.trainedParameters < head.facts.parameters / 10);
    nodeHead = await site.trainInNode("node-head", head.facts.flags);
    assert.is(head.weights, digestOf(join(nodeHead, "model.safetensors")));
    assert.is(head.config, readFileSync(join(nodeHead, "config.json"), "utf8"));
  });

  test("all weights trained in a page, with every augmentation, are those of vitrine train", async () => {
    const all = await site.train({ ...ALL, run: "all" });
    const node = await site.trainInNode("node-all", all.facts.flags);
    assert.is(all.weights, digestOf(join(node, "model.safetensors")));
    assert.is.not(all.weights, head.weights);
  });

  test("what a page exports is a model folder that answers as the page did", async () => {
    const runtime = await createRuntime({ host: nodeHost() });
    const model = await loadModel(runtime, nodeModelSource(nodeHead), { batchSizes: [1] });
    const picture = readFileSync(join(site.folder, "pictures/val", site.classes[0], "0000.jpg"));
    const [own] = await model.classify([picture], { topK: 2 });
    const there = await site.page.evaluate(async () => {
      const { library, pictures } = window.tools;
      const trainer = await library.createTrainer({ run: "head", resume: true });
      const [first] = await pictures("val");
      const scores = await trainer.classify(first?.picture as Blob, { topK: 2 });
      trainer.dispose();
      return scores;
    });
    await runtime.dispose();
    assert.equal(
      there.map(({ label }) => label),
      own?.map(({ label }) => label),
    );
    assertClose(
      there.map(({ probability }) => probability),
      own?.map(({ probability }) => probability) ?? [],
      1e-5,
      "probabilities",
    );
  });

  test("a run that was stopped and resumed after a reload has the weights of an undisturbed one", async () => {
    const stopped = await site.train({ ...HEAD, run: "stopped" }, 2);
    assert.equal([stopped.finished, stopped.steps], [false, [1, 2]]);
    await site.load();
    const resumed = await site.train({ run: "stopped", resume: true });
    assert.equal([resumed.finished, resumed.steps], [true, [3, 4, 5, 6]]);
    assert.equal([resumed.facts.step, resumed.facts.history.steps.map(({ step }) => step)], [2, [1, 2]]);
    assert.is(resumed.weights, head.weights);
  });

  test("a page that is closed in the middle leaves a run that continues to the same weights", async () => {
    await site.page.evaluate(async (asked) => {
      const { library, pictures } = window.tools;
      const own = { pictures: await pictures("train"), validation: await pictures("val") };
      await new Promise<void>((resolve) => {
        const options = { ...asked, ...own, run: "killed", onStep: () => resolve() };
        void library.createTrainer(options).then((trainer) => trainer.train());
      });
    }, HEAD);
    await site.load();
    const resumed = await site.train({ run: "killed", resume: true });
    assert.is(resumed.weights, head.weights);
  });

  test("a paused run waits, answers, is saved, and goes on to the same weights", async () => {
    const [waited, weights] = await site.page.evaluate(async (asked) => {
      const { library, pictures, digest } = window.tools;
      const own = { pictures: await pictures("train"), validation: await pictures("val") };
      let steps = 0;
      const trainer = await library.createTrainer({
        ...asked,
        ...own,
        run: "paused",
        onStep: () => {
          if (++steps === 2) trainer.pause();
        },
      });
      const ended = trainer.train();
      while (steps < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      const saved = await trainer.save();
      await trainer.classify(own.pictures[0]?.picture as Blob);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const waited = [steps, saved];
      trainer.resume();
      await ended;
      const files = await trainer.exportModel();
      trainer.dispose();
      return [waited, await digest(files.get("model.safetensors") as Uint8Array<ArrayBuffer>)] as const;
    }, HEAD);
    // The step in progress is finished first.
    assert.is(waited[0], waited[1]);
    assert.ok(waited[0] === 2 || waited[0] === 3);
    assert.is(weights, head.weights);
  });

  test("memory is planned and told before it is allocated; what is wrong is a typed error", async () => {
    const [planned, codes, kept] = await site.page.evaluate(async (asked) => {
      const { library, pictures } = window.tools;
      const own = { pictures: await pictures("train") };
      const refusal = (options: object) =>
        library.createTrainer({ ...asked, ...own, run: "refused", ...options }).then(
          () => "nothing",
          (error) => error.code,
        );
      const planned: number[] = [];
      const [{ picture, label }] = own.pictures as [LabeledPicture];
      const cut = new File([picture.slice(0, 700)], "cut.jpg");
      const notices: string[] = [];
      const trainer = await library.createTrainer({
        ...asked,
        run: "damaged",
        pictures: [...own.pictures, { picture: cut, label }],
        onPlan: ({ bytes }) => planned.push(bytes),
        onNotice: (text) => notices.push(text),
      });
      await trainer.train();
      const twice = await refusal({ run: "damaged" });
      const inUse = await library
        .createTrainer({ run: "damaged", resume: true })
        .catch((error) => error.code);
      trainer.dispose();
      await library.removeRun("damaged");
      const codes = [
        twice,
        inUse,
        await refusal({ settings: { lr: "much" } }),
        await refusal({ settings: { "no-such": 1 } }),
        await refusal({ settings: { "batch-size": 64 } }),
        await refusal({ pictures: [own.pictures[0], own.pictures[0]] }),
        await refusal({ run: "../x" }),
        await refusal({ model: "/none" }),
        await library.createTrainer({ run: "none", resume: true }).catch((error) => error.code),
        notices.some((text) => text.includes("cut.jpg")) ? "left out" : notices.join(),
      ];
      return [[...planned, trainer.facts.plan.bytes], codes, await library.listRuns()] as const;
    }, HEAD);
    assert.is(planned[0], planned[1]);
    assert.ok((planned[0] as number) > 100_000);
    assert.equal(codes, [
      "usage/run-in-use",
      "usage/run-in-use",
      "usage/bad-option",
      "usage/bad-option",
      "data/too-few-samples",
      "usage/training",
      "usage/bad-option",
      "model/no-model",
      "checkpoint/missing",
      "left out",
    ]);
    assert.equal(
      kept.map(({ run, step, finished }) => [run, step, finished]),
      [
        ["all", 12, true],
        ["head", 6, true],
        ["killed", 6, true],
        ["paused", 6, true],
        ["stopped", 6, true],
      ],
    );
  });
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: training in a page (no Chromium here; CHROME_PATH names one)");

test.run();
