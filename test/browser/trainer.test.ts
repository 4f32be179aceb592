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

  test("a run is saved by the clock within an epoch: one that is killed there does not start again", async () => {
    // Every interval of the worker is over at once: what is claimed is that the clock decides, not how fast it runs.
    const hurry =
      "const { setInterval: every } = globalThis; globalThis.setInterval = (work) => every(work, 1);";
    const script = "**/trainer-worker.js";
    await site.page.route(script, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${hurry}\n${await response.text()}` });
    });
    const kept = await site.page.evaluate(async (asked) => {
      const { library, pictures } = window.tools;
      const own = await pictures("train");
      const settings = { ...asked.settings, epochs: 500, "batch-size": 2 };
      let steps = 0;
      let reached: () => void = () => {};
      const far = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const onStep = () => {
        if (++steps === 8) reached();
      };
      const trainer = await library.createTrainer({
        ...asked,
        settings,
        pictures: own,
        run: "clock",
        onStep,
      });
      trainer.train().catch(() => {});
      await far;
      trainer.dispose();
      const found = (await library.listRuns()).find(({ run }) => run === "clock");
      await library.removeRun("clock");
      return found?.step ?? 0;
    }, HEAD);
    await site.page.unroute(script);
    assert.ok(kept > 0, `kept at step ${kept}`);
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
        await refusal({ epochs: 3 }),
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

  test("a file that is no picture is left out before the run is planned, and is not counted", async () => {
    const [facts, noticed, resumed] = await site.page.evaluate(async (asked) => {
      const { library, pictures } = window.tools;
      const own = { pictures: await pictures("train"), validation: await pictures("val") };
      const broken = { picture: new File(["no picture"], "broken.jpg"), label: own.pictures[0]?.label ?? "" };
      const events: string[] = [];
      const options = {
        ...asked,
        run: "broken",
        pictures: [broken, ...own.pictures],
        validation: [...own.validation, broken],
        onNotice: (text: string) => events.push(text),
        onPlan: () => events.push("plan"),
      };
      const trainer = await library.createTrainer(options);
      const noticed = [...events];
      await trainer.train();
      trainer.dispose();
      const again = await library.createTrainer({ run: "broken", resume: true });
      again.dispose();
      await library.removeRun("broken");
      return [trainer.facts, noticed, again.facts.pictures] as const;
    }, HEAD);
    assert.equal([facts.pictures, facts.validation, resumed], [20, 12, 20]);
    assert.equal(facts.steps, head.facts.steps);
    const place = noticed.indexOf("plan");
    const leftOut = noticed.slice(0, place).filter((text) => text.startsWith("left out: "));
    assert.is(leftOut.length, 2);
    assert.match(leftOut[0] ?? "", /broken\.jpg: not a picture/);
  });

  test("what a page is told names its pictures and settings, and no flags", async () => {
    const texts = await site.page.evaluate(async (asked) => {
      const { library, pictures } = window.tools;
      const own = await pictures("train");
      const refusal = (options: object) =>
        library.createTrainer({ ...asked, pictures: own, run: "refused", ...options }).then(
          () => "nothing",
          (error) => `${error.code}: ${error.message}`,
        );
      return [
        await refusal({ pictures: [] }),
        await refusal({ pictures: own.slice(0, 1) }),
        await refusal({ settings: { "batch-size": 64 } }),
        await refusal({ settings: { "batch-size": 5, mixup: 0.8 } }),
        await refusal({ settings: { freeze: "none-such*" } }),
        await refusal({ pictures: [...own, { picture: new Blob(["x"]), label: "a" }] }),
      ];
    }, HEAD);
    assert.match(texts[0] ?? "", /^data\/too-few-samples: got 0 pictures to train on; allowed: at least 2/);
    assert.match(texts[1] ?? "", /^data\/too-few-samples: got 1 pictures/);
    assert.match(texts[2] ?? "", /^data\/too-few-samples: .*20 images .*lower setting "batch-size"/);
    assert.match(texts[3] ?? "", /setting "batch-size" 5 is odd/);
    assert.match(texts[4] ?? "", /setting "freeze" "none-such/);
    assert.match(texts[5] ?? "", /^usage\/training: .*has no name: give it one \(name\)/);
    assert.not.match(texts.join(" "), /--[a-z]/);
  });

  test("a run without space for it fails with the bytes that it needs, and leaves nothing", async () => {
    const session = await site.page.context().newCDPSession(site.page);
    const { origin } = new URL(site.page.url());
    const attempt = () =>
      site.page.evaluate(async (asked) => {
        const { library, pictures } = window.tools;
        const planned: number[] = [];
        const options = {
          ...asked,
          pictures: await pictures("train"),
          run: "full",
          onPlan: ({ checkpointBytes }: { checkpointBytes: number }) => planned.push(checkpointBytes),
        };
        const failed = await library.createTrainer(options).then(
          (trainer) => {
            trainer.dispose();
            return { code: "none", message: "", needed: 0 };
          },
          ({ code, message, details }) => ({ code, message, needed: details.neededBytes }),
        );
        const root = await navigator.storage.getDirectory();
        const runs = await root.getDirectoryHandle("vitrine-runs");
        const left: string[] = [];
        for await (const name of (runs as unknown as { keys(): AsyncIterable<string> }).keys())
          left.push(name);
        return { ...failed, planned: planned[0] ?? 0, left: left.includes("full") };
      }, HEAD);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
    const full = await attempt();
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    assert.is(full.code, "file/unwritable", full.message);
    assert.ok(full.planned > 0 && full.needed > 2 * full.planned);
    assert.match(full.message, /it needs \d+\.\d MB, and the browser gives this site no more space/);
    assert.not(full.left);
    assert.is((await attempt()).code, "none");
  });
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: training in a page (no Chromium here; CHROME_PATH names one)");

test.run();
