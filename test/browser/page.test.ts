// The page in Chromium: a dropped photograph is classified in the browser as Node classifies it.

import { readFileSync } from "node:fs";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Classification } from "../../client/browser/index.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { tabTo } from "../page/page-tests.js";
import { findChromium, launchChromium } from "./chromium.js";

/** Tests run from dist/test/browser. */
const FIXTURES = new URL("../../../test/fixtures/pictures/", import.meta.url);
const TOLERANCE = 1e-4;
/** int(32 / 0.875): a picture of this size is not resized, and resizing rounds differently by the order of the axes. */
const SHORT_SIDE = 36;
const tiny = makeTinyModel();
let server: RunningCommand;
let browser: Browser;
let page: Page;
let runtime: Runtime;
let model: Model;
const pageErrors: string[] = [];
const requested: string[] = [];

declare global {
  interface Window {
    heard: { name: string; logits: number[]; decodedBy: string }[];
  }
}

async function openPage(address: string): Promise<Page> {
  const opened = await browser.newPage();
  opened.on("pageerror", (error) => pageErrors.push(error.message));
  opened.on("console", (message) => message.type() === "error" && pageErrors.push(message.text()));
  opened.context().on("request", (request) => requested.push(request.url()));
  await opened.addInitScript(() => {
    window.heard = [];
    addEventListener("vitrine:classified", (event) => {
      const { file, classification } = (event as CustomEvent<{ file: File; classification: Classification }>)
        .detail;
      const { logits, picture } = classification;
      window.heard.push({ name: file.name, logits: [...logits], decodedBy: picture.decodedBy });
    });
  });
  await opened.goto(address);
  await opened.waitForSelector("body[data-model=ready]");
  return opened;
}

/** Drops a file as a user does: real drag events with a real File. */
async function drop(name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ name, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name));
      return transfer;
    },
    { name, base64: Buffer.from(bytes).toString("base64") },
  );
  for (const type of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("#picture", type, { dataTransfer: transfer });
  }
}

const outcome = (state: "classified" | "failed", name: string) =>
  page.waitForFunction(
    ({ state, name }) =>
      document.body.dataset.photograph === state &&
      document.getElementById("file-name")?.textContent === name,
    { state, name },
  );

async function logitsHere(jpeg: Uint8Array): Promise<number[]> {
  return [...(await model.logits(await model.readPicture(jpeg), 1)).logits];
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  assert.is(a.length, b.length);
  return Math.max(...a.map((value, place) => Math.abs(value - b[place]!)));
}

/** Inserts an EXIF segment after the file's first marker: big-endian, one entry. */
function withOrientation(jpeg: Uint8Array, orientation: number): Uint8Array {
  const tiff = `4d4d002a00000008${"0001"}${"0112"}${"0003"}00000001${"000"}${orientation}0000${"00000000"}`;
  const exif = Buffer.from(`457869660000${tiff}`, "hex");
  const head = Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([head, exif, jpeg.subarray(2)]);
}

/** Runs in the page: a JPEG → what the browser shows, as PNG. Both as base64. */
async function uprightPng(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1] ?? "";
}

async function start(executable: string): Promise<void> {
  [runtime, browser] = await Promise.all([createRuntime({ host: nodeHost() }), launchChromium(executable)]);
  model = await loadModel(runtime, nodeModelSource(tiny.folder));
  server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  page = await openPage(await addressOf(server));
}

async function stop(): Promise<void> {
  await browser?.close();
  server?.child.kill("SIGKILL");
  model?.dispose();
  await runtime?.dispose();
}

function registerTests(executable: string): void {
  test.before(() => start(executable));
  test.after(async () => {
    await stop();
    tiny.remove();
  });

  test("the page says which model is ready, and may share memory", async () => {
    assert.match((await page.textContent("#model-line")) ?? "", /^tiny · 0\.\d MB · CPU, /);
    assert.is(await page.evaluate(() => crossOriginIsolated), true);
  });

  test("a dropped JPEG shows Node's label and gives the same logits", async () => {
    for (const seed of [1, 2, 3]) {
      const jpeg = wavesJpeg(seed);
      await drop(`waves-${seed}.jpg`, jpeg);
      await outcome("classified", `waves-${seed}.jpg`);
      const [best] = (await model.classify([jpeg], { topK: 1 }))[0]!;
      assert.is(await page.textContent("#verdict"), best!.label.split(",")[0]);
      const heard = await page.evaluate(() => window.heard.at(-1)!);
      assert.equal([heard.name, heard.decodedBy], [`waves-${seed}.jpg`, "vitrine"]);
      assert.ok(largestDifference(heard.logits, await logitsHere(jpeg)) <= TOLERANCE);
    }
    const labels = await page.locator(".score-label").allTextContents();
    assert.is(labels.length, 5);
    const percentages = await page.locator(".score-percent").allTextContents();
    const sum = percentages
      .map((text) => (text.startsWith("<") ? 0 : Number.parseFloat(text)))
      .reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - 100) < 0.5, `five of five classes make ${sum} %`);
  });

  test("a chosen PNG is decoded as in Node", async () => {
    const png = await page.screenshot({ clip: { x: 0, y: 0, width: 90, height: 70 } });
    await page.setInputFiles("#file", { name: "shot.png", mimeType: "image/png", buffer: png });
    await outcome("classified", "shot.png");
    const heard = await page.evaluate(() => window.heard.at(-1)!);
    assert.is(heard.decodedBy, "vitrine");
    assert.ok(largestDifference(heard.logits, await logitsHere(png)) <= TOLERANCE);
  });

  test("a picture keeps the color under its transparency, in every format as in Node", async () => {
    const names = [
      "png_6_8_adam7.png",
      "png_2_8_trns.png",
      "webp_lossless_alpha.webp",
      "gif_transparent.gif",
    ];
    for (const name of [...names, "tiff_rgba_lzw.tif", "bmp_32.bmp", "avif_alpha.avif"]) {
      const file = readFileSync(new URL(name, FIXTURES));
      await drop(name, file);
      await outcome("classified", name);
      const heard = await page.evaluate(() => window.heard.at(-1)!);
      assert.is(heard.decodedBy, "vitrine", name);
      assert.ok(largestDifference(heard.logits, await logitsHere(file)) <= TOLERANCE, name);
    }
  });

  test("a photograph is classified upright, whatever the camera's orientation", async () => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const jpeg = withOrientation(wavesJpeg(8, SHORT_SIDE, SHORT_SIDE), orientation);
      // The browser's own decoder rotates it: the PNG shows it as a person sees it.
      const upright = await page.evaluate(uprightPng, Buffer.from(jpeg).toString("base64"));
      await drop(`camera-${orientation}.jpg`, jpeg);
      await outcome("classified", `camera-${orientation}.jpg`);
      await drop(`upright-${orientation}.png`, Buffer.from(upright, "base64"));
      await outcome("classified", `upright-${orientation}.png`);
      const [ours, theirs] = await page.evaluate(() => window.heard.slice(-2));
      assert.equal([ours?.decodedBy, theirs?.decodedBy], ["vitrine", "vitrine"]);
      assert.ok(largestDifference(ours!.logits, theirs!.logits) <= TOLERANCE, `orientation ${orientation}`);
    }
  });

  test("a file that is not a picture gets an explanation, and the next picture works", async () => {
    await drop("notes.txt", Buffer.from("no picture"));
    await outcome("failed", "notes.txt");
    assert.match((await page.textContent("#failure-line")) ?? "", /cannot be read as a picture/);
    await drop("half.jpg", wavesJpeg(1).subarray(0, 700));
    await outcome("failed", "half.jpg");
    assert.match((await page.textContent("#failure")) ?? "", /damaged.*ends at byte/s);
    await drop("waves-4.jpg", wavesJpeg(4));
    await outcome("classified", "waves-4.jpg");
  });

  test("of two pictures dropped at once the later one is shown", async () => {
    const before = await page.evaluate(() => window.heard.length);
    await drop("first.jpg", wavesJpeg(5));
    await drop("second.jpg", wavesJpeg(6));
    await outcome("classified", "second.jpg");
    const heard = await page.evaluate((from) => window.heard.slice(from), before);
    assert.is(heard.at(-1)?.name, "second.jpg");
    assert.ok(largestDifference(heard.at(-1)!.logits, await logitsHere(wavesJpeg(6))) <= TOLERANCE);
  });

  test("the button can be reached and pressed with only the keyboard", async () => {
    // Installed before the page is reloaded: Chromium needs a while to intercept its file dialog.
    page.on("filechooser", (chooser) =>
      chooser.setFiles({ name: "keys.jpg", mimeType: "image/jpeg", buffer: wavesJpeg(7) }),
    );
    await page.reload();
    await page.waitForSelector("body[data-model=ready]");
    await tabTo(page, "choose");
    await page.keyboard.press("Enter");
    await outcome("classified", "keys.jpg");
    // The button is gone: the next key goes on from the picture.
    await page.waitForFunction(() => document.activeElement?.id === "picture");
  });

  test("axe finds nothing, with and without a picture", async () => {
    for (const state of ["classified", "none"]) {
      if (state === "none") await page.reload();
      await page.waitForSelector(`body[data-model=ready][data-photograph=${state}]`);
      const violations = await page.evaluate(`${axe.source}; axe.run().then(({ violations }) =>
        violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`);
      assert.equal(violations, [], state);
    }
  });

  test("the page does not scroll sideways on a phone", async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok((wide ?? 0) <= (width ?? 0), `${wide} of ${width} pixels`);
  });

  test("the console has no errors", () => {
    assert.equal(pageErrors, []);
  });

  test("the model computes in threads that share memory, if there are enough cores", async () => {
    const shared = requested.filter((address) => /nn(\.relaxed)?\.shared(-[\w-]+)?\.wasm$/.test(address));
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    assert.is(shared.length > 0, cores > 1, requested.join("\n"));
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
