// Classifier library: `vitrine/browser` without a bundler, straight from dist/, as any page may import it.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Classifier, DownloadProgress } from "../../client/browser/index.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { makeTinyModel, TINY_LABELS, wavesJpeg } from "../inference/tiny-model.js";
import { assertClose } from "../nn/compare.js";
import { findChromium, launchChromium } from "./chromium.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));
const tiny = makeTinyModel();
const site = mkdtempSync(join(tmpdir(), "vitrine-site-"));
let server: Server;
let browser: Browser;
let page: Page;

type Library = typeof import("../../client/browser/index.js");

declare global {
  interface Window {
    library: Library;
    classifier: Classifier;
    picture: Uint8Array<ArrayBuffer>;
    /** Code and text of the error that a promise was rejected with. */
    refusal(promise: Promise<unknown>): Promise<[code: string, text: string]>;
  }
}

async function start(executable: string): Promise<void> {
  cpSync(tiny.folder, join(site, "tiny"), { recursive: true });
  for (const dtype of ["float16", "int8"] as const) {
    const files = convertModel(await readModel(nodeModelSource(tiny.folder)), dtype);
    mkdirSync(join(site, dtype));
    for (const [file, bytes] of files) writeFileSync(join(site, dtype, file), bytes);
  }
  const [dist, models] = [sirv(DIST, { dev: true }), sirv(site, { dev: true })];
  server = createServer((request, response) => {
    if (request.url?.startsWith("/spa/"))
      response.setHeader("Content-Type", "text/html").end("<!doctype html>");
    else if (request.url === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
    else models(request, response, () => dist(request, response, () => void response.writeHead(404).end()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await launchChromium(executable);
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.evaluate(async (base64) => {
    window.picture = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    window.library = await import(new URL("/client/browser/index.js", location.href).href);
    window.refusal = (promise) =>
      promise.then(
        () => ["", "nothing was refused"],
        (error) => [error.code, error.message],
      );
  }, wavesJpeg(1).toString("base64"));
}

async function stop(): Promise<void> {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  rmSync(site, { recursive: true });
  tiny.remove();
}

function registerTests(executable: string): void {
  test.before(() => start(executable));
  test.after(stop);

  test("loading reports the bytes received, up to the last", async () => {
    const [progress, card] = await page.evaluate(async () => {
      const progress: DownloadProgress[] = [];
      window.classifier = await window.library.createClassifier({
        model: "tiny",
        assets: "/",
        onProgress: (step) => progress.push(step),
      });
      return [progress, window.classifier.card] as const;
    });
    assert.ok(progress.length > 0);
    progress.forEach((step, place) => {
      assert.ok(step.loaded > (progress[place - 1]?.loaded ?? 0));
    });
    assert.is(progress.at(-1)?.loaded, progress.at(-1)?.total);
    assert.equal([card.name, card.imageSize, card.labels, card.device], ["tiny", 32, TINY_LABELS, "wasm"]);
  });

  test("models in float16 and int8 load unchanged, and answer as in Node", async () => {
    const runtime = await createRuntime({ host: nodeHost() });
    for (const dtype of ["float16", "int8"]) {
      const logits = await page.evaluate(async (model) => {
        const classifier = await window.library.createClassifier({ model });
        const answer = await classifier.classify(window.picture);
        classifier.dispose();
        return [...answer.logits];
      }, dtype);
      const model = await loadModel(runtime, nodeModelSource(join(site, dtype)), { batchSizes: [1] });
      const here = await model.logits(await model.readPicture(wavesJpeg(1)), 1);
      assert.is(model.dtype, dtype);
      // A float32 activation that differs in its last bit may be rounded to the next of the int8 layer's 8191 levels.
      const allowed = dtype === "int8" ? 2e-3 : 1e-4;
      assertClose(logits, here.logits, allowed, dtype);
    }
    await runtime.dispose();
  });

  test("Blob, ArrayBuffer and Uint8Array give the same answer and are not detached", async () => {
    const [answers, left] = await page.evaluate(async () => {
      const { picture, classifier } = window;
      const shifted = new Uint8Array([0, ...picture]).subarray(1);
      const forms = [new Blob([picture]), picture.slice().buffer, picture, shifted];
      const classified = await Promise.all(forms.map((form) => classifier.classify(form, { topK: 2 })));
      return [classified.map(({ classes }) => classes), picture.length] as const;
    });
    assert.is(answers[0]?.length, 2);
    for (const answer of answers) assert.equal(answer, answers[0]);
    assert.is(left, wavesJpeg(1).length);
  });

  test("decoders of other formats are loaded without a bundler, and answer as in Node", async () => {
    const runtime = await createRuntime({ host: nodeHost() });
    const model = await loadModel(runtime, nodeModelSource(tiny.folder), { batchSizes: [1] });
    for (const name of ["webp_lossy.webp", "avif_420.avif", "png_6_8.png", "tiff_rgb_lzw.tif"]) {
      const file = readFileSync(new URL(`../../../test/fixtures/pictures/${name}`, import.meta.url));
      const [logits, decodedBy] = await page.evaluate(async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const answer = await window.classifier.classify(bytes);
        return [[...answer.logits], answer.picture.decodedBy] as const;
      }, file.toString("base64"));
      assert.is(decodedBy, "vitrine", name);
      assertClose(logits, (await model.logits(await model.readPicture(file), 1)).logits, 1e-4, name);
    }
    await runtime.dispose();
  });

  test("errors cross the thread with code and text", async () => {
    const refusals = await page.evaluate(() => {
      const { classifier, refusal, picture, library } = window;
      return Promise.all([
        refusal(classifier.classify(new Uint8Array([1, 2, 3]))),
        refusal(classifier.classify(picture.slice(0, 700))),
        refusal(classifier.classify(picture, { topK: 0 })),
        refusal(library.createClassifier({ model: "none", assets: "/" })),
        refusal(library.createClassifier({ model: "tiny", assets: "/nowhere/" })),
        refusal(library.createClassifier({ model: "tiny", assets: "/spa" })),
      ]);
    });
    const codes = [
      "image/unreadable",
      "jpeg/truncated",
      "usage/number",
      "model/no-model",
      "file/not-found",
      "file/not-found",
    ];
    assert.equal(
      refusals.map(([code]) => code),
      codes,
    );
    assert.match(refusals[1]?.[1] ?? "", /ends at byte/);
    assert.match(refusals[4]?.[1] ?? "", /nowhere\/wasm.*404.*`assets`/);
    assert.match(
      refusals[5]?.[1] ?? "",
      /\/spa\/wasm\/image[^ ]*: the server answered 200 with text\/html, which is no WebAss/,
    );
  });

  test("after dispose every call is rejected, including those in progress", async () => {
    const refusals = await page.evaluate(async () => {
      const { classifier, refusal, picture } = window;
      // More calls than the worker can answer before the next line of this page runs.
      const running = Array.from({ length: 100 }, () => refusal(classifier.classify(picture)));
      await new Promise((resolve) => setTimeout(resolve, 0));
      classifier.dispose();
      return [(await Promise.all(running)).at(-1)!, await refusal(classifier.classify(picture))];
    });
    for (const [code] of refusals) assert.is(code, "usage/disposed");
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  rmSync(site, { recursive: true });
  tiny.remove();
}
