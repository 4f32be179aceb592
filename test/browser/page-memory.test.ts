// The page's memory: the renderer's resident memory stays where it is while photographs are classified one after another.
//
// In the suite 150 small ones. `VITRINE_PHOTOGRAPHS=1000 npm test -- browser/page-memory` classifies a thousand of 1.2
// megapixels, and prints the course: Chromium keeps some 400 MB of decoded pictures, which are full after about 400.

import jpeg from "jpeg-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { addressOf, runCommand } from "../inference/run-command.js";
import { drawWaves, makeTinyModel } from "../inference/tiny-model.js";
import { findChromium, launchChromium } from "./chromium.js";
import { rendererPid, residentMb } from "./renderer-process.js";

const PHOTOGRAPHS = Number(process.env.VITRINE_PHOTOGRAPHS ?? 150);
const IS_LONG = PHOTOGRAPHS >= 1000;
/** Until then the worker, its programs and the browser's cache of decoded pictures have been filled. */
const WARM_UP = IS_LONG ? 400 : 50;
/** Small ones hardly fill the browser's cache: the page would be seen to keep 0.5 MB of each. */
const [WIDTH, HEIGHT] = IS_LONG ? [1280, 960] : [160, 120];
const MB_PER_PHOTOGRAPH = IS_LONG ? 0.05 : 0.3;
/** What garbage collection leaves at one time and not at another. */
const SLACK_MB = 20;
const EVERY = 50;

/** Runs in the page: chooses the photographs from `first` to `last`, one when the one before it has its verdict. */
async function classifyAll({
  base64,
  first,
  last,
}: {
  base64: string;
  first: number;
  last: number;
}): Promise<void> {
  const jpeg = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const field = document.getElementById("file") as HTMLInputElement;
  for (let index = first; index <= last; index++) {
    const transfer = new DataTransfer();
    // Other bytes behind its end, so that no cache takes it for the one before.
    transfer.items.add(new File([jpeg, `photograph ${index}`], `${index}.jpg`, { type: "image/jpeg" }));
    const verdict = new Promise((resolve) => addEventListener("vitrine:classified", resolve, { once: true }));
    field.files = transfer.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    await verdict;
    // The picture is drawn before the next one comes.
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  }
}

async function staysFlat(executable: string): Promise<void> {
  const tiny = makeTinyModel();
  const server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  const browser = await launchChromium(executable);
  try {
    const page = await browser.newPage();
    await page.goto(await addressOf(server));
    await page.waitForSelector("body[data-model=ready]");
    const collector = await page.context().newCDPSession(page);
    const pid = await rendererPid(browser, page);
    const { data } = jpeg.encode({ width: WIDTH, height: HEIGHT, data: drawWaves(1, WIDTH, HEIGHT) }, 80);
    const base64 = data.toString("base64");
    const course: number[] = [];
    for (let first = 1; first <= PHOTOGRAPHS; first += EVERY) {
      await page.evaluate(classifyAll, { base64, first, last: first + EVERY - 1 });
      await collector.send("HeapProfiler.collectGarbage");
      course.push(residentMb(pid));
    }
    if (IS_LONG) console.log(`MB after each ${EVERY}: ${course.map(Math.round).join(" ")}`);
    const [first = 0] = course.slice(WARM_UP / EVERY - 1);
    const grown = (course.at(-1) ?? 0) - first;
    const allowed = SLACK_MB + MB_PER_PHOTOGRAPH * (PHOTOGRAPHS - WARM_UP);
    assert.ok(
      grown <= allowed,
      `grown by ${grown.toFixed(0)} MB in ${PHOTOGRAPHS - WARM_UP} photographs: ${course}`,
    );
  } finally {
    await browser.close();
    server.child.kill("SIGKILL");
    tiny.remove();
  }
}

const executable = findChromium();
if (!executable) console.log("skipped: needs chromium");
else if (process.platform !== "linux") console.log("skipped: needs /proc");
else {
  test(`${PHOTOGRAPHS} photographs, one after another, do not make the page grow`, () =>
    staysFlat(executable));
  test.run();
}
