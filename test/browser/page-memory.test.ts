// The page's memory: what the page and the library hold does not grow while photographs are classified one after another.
//
// Chromium itself keeps the files of images that it has displayed, also in a page that does nothing else: the measurement of a thousand
// says how much. In the test the page displays the same small image for each photograph.
//
// In the suite 150 photographs. `VITRINE_PHOTOGRAPHS=1000 npm test -- browser/page-memory` takes a thousand of 1.2
// megapixels, with the course of each test.

import jpeg from "jpeg-js";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { addressOf, runCommand } from "../inference/run-command.js";
import { drawWaves, makeTinyModel } from "../inference/tiny-model.js";
import { findChromium, launchChromium } from "./chromium.js";
import { rendererPid, residentMb } from "./renderer-process.js";

const PHOTOGRAPHS = Number(process.env.VITRINE_PHOTOGRAPHS ?? 150);
const IS_LONG = PHOTOGRAPHS >= 1000;
/** Until then the worker, its programs and the browser's caches have been filled. */
const WARM_UP = 50;
const [WIDTH, HEIGHT] = IS_LONG ? [1280, 960] : [640, 480];
/** What the page keeps of each: its verdict, and an entry in the collection. A photograph's pixels are 0.9 MB or more. */
const MB_PER_PHOTOGRAPH = 0.04;
/** What garbage collection leaves at one time and not at another. */
const SLACK_MB = 20;
const EVERY = 50;

interface Batch {
  base64: string;
  first: number;
  last: number;
}

/** Runs in the page: chooses the photographs from `first` to `last`, one when the one before it has its verdict. */
async function classifyAll({ base64, first, last }: Batch): Promise<void> {
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

/** Runs in the page before its scripts: files are displayed as one small image. */
function displayOneImage(): void {
  const create = URL.createObjectURL.bind(URL);
  const image =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='4' height='3'%3E%3C/svg%3E";
  URL.createObjectURL = (object) => (object instanceof File ? image : create(object));
}

/** Runs in a page without scripts: displays the photographs from `first` to `last`, one after another. */
async function displayAll({ base64, first, last }: Batch): Promise<void> {
  const jpeg = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  for (let index = first; index <= last; index++) {
    const image = document.createElement("img");
    const url = URL.createObjectURL(new File([jpeg, `photograph ${index}`], `${index}.jpg`));
    image.src = url;
    document.body.replaceChildren(image);
    await image.decode();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    URL.revokeObjectURL(url);
  }
}

/** Resident megabytes after each `EVERY` photographs, without what the browser gives back where memory is short. */
async function courseOf(
  browser: Browser,
  page: Page,
  run: (batch: Batch) => Promise<void>,
): Promise<number[]> {
  const { data } = jpeg.encode({ width: WIDTH, height: HEIGHT, data: drawWaves(1, WIDTH, HEIGHT) }, 80);
  const base64 = data.toString("base64");
  const [tab, whole] = [await page.context().newCDPSession(page), await browser.newBrowserCDPSession()];
  const course: number[] = [];
  let pid = 0;
  for (let first = 1; first <= PHOTOGRAPHS; first += EVERY) {
    await page.evaluate(run, { base64, first, last: first + EVERY - 1 });
    // Of the renderers, this one is the largest by now.
    pid ||= await rendererPid(browser, page);
    await whole.send("Memory.simulatePressureNotification", { level: "critical" });
    await tab.send("HeapProfiler.collectGarbage");
    await new Promise((resolve) => setTimeout(resolve, 500));
    course.push(residentMb(pid));
  }
  return course;
}

async function staysFlat(executable: string): Promise<void> {
  const tiny = makeTinyModel();
  const server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  const browser = await launchChromium(executable);
  try {
    const page = await browser.newPage();
    await page.addInitScript(displayOneImage);
    await page.goto(await addressOf(server));
    await page.waitForSelector("body[data-model=ready]");
    const course = await courseOf(browser, page, classifyAll);
    if (IS_LONG) console.log(`classified, MB after each ${EVERY}: ${course.map(Math.round).join(" ")}`);
    const grown = (course.at(-1) ?? 0) - (course[WARM_UP / EVERY - 1] ?? 0);
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

/** What Chromium keeps of photographs that a page without scripts displays. */
async function displayedAlone(executable: string): Promise<void> {
  const browser = await launchChromium(executable);
  try {
    const page = await browser.newPage();
    const course = await courseOf(browser, page, displayAll);
    console.log(`displayed alone, MB after each ${EVERY}: ${course.map(Math.round).join(" ")}`);
  } finally {
    await browser.close();
  }
}

const executable = findChromium();
if (!executable) console.log("skipped: needs chromium");
else if (process.platform !== "linux") console.log("skipped: needs /proc");
else {
  test(`${PHOTOGRAPHS} photographs, one after another, do not make the page grow`, () =>
    staysFlat(executable));
  if (IS_LONG)
    test("a page that displays the photographs and does nothing else", () => displayedAlone(executable));
  test.run();
}
