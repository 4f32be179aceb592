// Trainer in a page: a run in Chromium's workers is the run of `vitrine train`, byte for byte, whether it was stopped,
// reloaded or killed on the way.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ensureSampleSet, randomForSamples, SHAPE_CLASSES } from "../../bin/sample-data/sample-set.js";
import type { LabeledPicture, TrainerFacts, TrainerOptions } from "../../client/browser/trainer.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { makeTinyModel } from "../inference/tiny-model.js";
import { assertClose } from "../nn/compare.js";
import { findChromium, launchChromium } from "./chromium.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));
const VITRINE = join(DIST, "bin/vitrine.js");
const tiny = makeTinyModel();
const site = mkdtempSync(join(tmpdir(), "vitrine-tab-"));
const CLASSES = [...SHAPE_CLASSES.keys()].slice(0, 2);
const run = promisify(execFile);
let server: Server;
let browser: Browser;
let page: Page;

/** What the page is asked to do; pictures are of the sample set. */
type Asked = Omit<TrainerOptions, "pictures" | "validation">;

interface PageTools {
  library: typeof import("../../client/browser/trainer.js");
  pictures(split: "train" | "val"): Promise<LabeledPicture[]>;
  base64(bytes: Uint8Array): string;
}

declare global {
  interface Window {
    tools: PageTools;
  }
}

/** Node compares two batches of the cursor; `--workers 0` decodes in its thread. */
async function trainInNode(out: string, flags: readonly string[]): Promise<Buffer> {
  const own = [
    "--data",
    join(site, "pictures/train"),
    "--init",
    tiny.folder,
    "--out",
    out,
    "--device",
    "wasm",
  ];
  const args = [VITRINE, "train", ...own, "--workers", "0", "--threads", "1", "--no-report", ...flags];
  await run(process.execPath, args, { timeout: 120_000 });
  return readFileSync(join(out, "last/model.safetensors"));
}

async function open(): Promise<void> {
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const names = Object.fromEntries(
    (["train", "val"] as const).map((split) => [
      split,
      CLASSES.map((label) => [label, readdirSync(join(site, "pictures", split, label))] as const),
    ]),
  );
  await page.evaluate(async (names) => {
    const pictures = async (split: string): Promise<LabeledPicture[]> => {
      const files = (names[split] ?? []).flatMap(([label, of]) => of.map((name) => ({ label, name })));
      return Promise.all(
        files.map(async ({ label, name }) => {
          const response = await fetch(`/pictures/${split}/${label}/${name}`);
          return { label, picture: new File([await response.blob()], name) };
        }),
      );
    };
    const base64 = (bytes: Uint8Array) =>
      btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    const library = await import(new URL("/client/browser/trainer.js", location.href).href);
    window.tools = { library, pictures, base64 };
  }, names);
}

interface Trained {
  facts: TrainerFacts;
  weights: Buffer;
  config: string;
  steps: number[];
  finished: boolean;
}

/** Trains in the page, up to `until` steps. */
async function trainInPage(asked: Asked, until = Number.POSITIVE_INFINITY): Promise<Trained> {
  const { weights, ...rest } = await page.evaluate(
    async ([asked, until]) => {
      const { library, pictures, base64 } = window.tools;
      const steps: number[] = [];
      const own = asked.resume
        ? {}
        : { pictures: await pictures("train"), validation: await pictures("val") };
      const trainer = await library.createTrainer({
        ...asked,
        ...own,
        onStep: ({ step }) => {
          steps.push(step);
          if (step === until) void trainer.stop();
        },
      });
      const { finished } = await trainer.train();
      const files = await trainer.exportModel();
      trainer.dispose();
      return {
        facts: trainer.facts,
        weights: base64(files.get("model.safetensors") as Uint8Array),
        config: new TextDecoder().decode(files.get("config.json")),
        steps,
        finished,
      };
    },
    [asked, until] as const,
  );
  return { ...rest, weights: Buffer.from(weights, "base64") };
}

async function start(executable: string): Promise<void> {
  cpSync(tiny.folder, join(site, "tiny"), { recursive: true });
  const classes = new Map([...SHAPE_CLASSES].filter(([name]) => CLASSES.includes(name)));
  await ensureSampleSet(join(site, "pictures"), await randomForSamples(), { train: 10, val: 6 }, classes);
  const [dist, files] = [sirv(DIST, { dev: true }), sirv(site, { dev: true })];
  server = createServer((request, response) => {
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    if (request.url === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
    else files(request, response, () => dist(request, response, () => void response.writeHead(404).end()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await launchChromium(executable);
  // A context keeps its private files until it is closed.
  page = await (await browser.newContext()).newPage();
  await open();
}

async function stop(): Promise<void> {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  rmSync(site, { recursive: true });
  tiny.remove();
}

const HEAD: Asked = { model: "/tiny", device: "wasm", settings: { epochs: 6, seed: 3 } };
/** Every augmentation, Mixup and CutMix, stochastic depth and the average. */
const ALL: Asked = {
  model: "/tiny",
  device: "wasm",
  trains: "all",
  settings: { recipe: "deit", epochs: 4, "batch-size": 6, repeats: 1, seed: 5 },
};

function registerTests(executable: string): void {
  test.before(() => start(executable));
  test.after(stop);

  let head: Trained;

  test("a head trained in a page has the weights of vitrine train with the flags that the page names", async () => {
    head = await trainInPage({ ...HEAD, run: "head" });
    assert.equal([head.finished, head.facts.classes, head.facts.pictures], [true, CLASSES, 20]);
    assert.ok(head.facts.trainedParameters < head.facts.parameters / 10);
    const node = await trainInNode(
      join(site, "node-head"),
      head.facts.flags.flatMap((flag) => flag.split(" ")),
    );
    assert.ok(head.weights.equals(node));
    assert.is(head.config, readFileSync(join(site, "node-head/last/config.json"), "utf8"));
  });

  test("all weights trained in a page, with every augmentation, are those of vitrine train", async () => {
    const all = await trainInPage({ ...ALL, run: "all" });
    const flags = all.facts.flags.flatMap((flag) => flag.split(" "));
    assert.ok(all.weights.equals(await trainInNode(join(site, "node-all"), flags)));
    assert.not.equal(all.weights, head.weights);
  });

  test("what a page exports is a model folder that answers as the page did", async () => {
    const folder = join(site, "node-head/last");
    const runtime = await createRuntime({ host: nodeHost() });
    const model = await loadModel(runtime, nodeModelSource(folder), { batchSizes: [1] });
    const picture = readFileSync(join(site, "pictures/val", CLASSES[0] as string, "0000.jpg"));
    const [own] = await model.classify([picture], { topK: 2 });
    const there = await page.evaluate(async () => {
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
    const stopped = await trainInPage({ ...HEAD, run: "stopped" }, 2);
    assert.equal([stopped.finished, stopped.steps], [false, [1, 2]]);
    await open();
    const resumed = await trainInPage({ run: "stopped", resume: true });
    assert.equal([resumed.finished, resumed.steps], [true, [3, 4, 5, 6]]);
    assert.equal([resumed.facts.step, resumed.facts.history.steps.map(({ step }) => step)], [2, [1, 2]]);
    assert.ok(resumed.weights.equals(head.weights));
  });

  test("a page that is closed in the middle leaves a run that continues to the same weights", async () => {
    await page.evaluate(async (asked) => {
      const { library, pictures } = window.tools;
      const own = { pictures: await pictures("train"), validation: await pictures("val") };
      await new Promise<void>((resolve) => {
        const options = { ...asked, ...own, run: "killed", onStep: () => resolve() };
        void library.createTrainer(options).then((trainer) => trainer.train());
      });
    }, HEAD);
    await open();
    const resumed = await trainInPage({ run: "killed", resume: true });
    assert.ok(resumed.weights.equals(head.weights));
  });

  test("a paused run waits, answers, is saved, and goes on to the same weights", async () => {
    const [waited, weights] = await page.evaluate(async (asked) => {
      const { library, pictures, base64 } = window.tools;
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
      return [waited, base64(files.get("model.safetensors") as Uint8Array)] as const;
    }, HEAD);
    // The step in progress is finished first.
    assert.is(waited[0], waited[1]);
    assert.ok(waited[0] === 2 || waited[0] === 3);
    assert.ok(Buffer.from(weights, "base64").equals(head.weights));
  });

  test("memory is planned and told before it is allocated; what is wrong is a typed error", async () => {
    const [planned, codes, kept] = await page.evaluate(async (asked) => {
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
