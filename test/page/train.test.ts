// The page that trains: two classes of drawn pictures become a model that is tried, kept across a reload, and exported.

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomForSamples, SHAPE_CLASSES, samplePicture } from "../../bin/sample-data/sample-set.js";
import { readSafetensors } from "../../runtime/weights/safetensors.js";
import { checkAccess, pageTests } from "./page-tests.js";

const PICTURES = 6;

/** Pictures of the first two shapes, as a visitor chooses them. */
async function drawnFiles() {
  const randomFor = await randomForSamples();
  const classes = [...SHAPE_CLASSES].slice(0, 2);
  return Promise.all(
    classes.map(async ([name, draw], place) => ({
      name,
      files: await Promise.all(
        Array.from({ length: PICTURES }, async (_, index) => ({
          name: `${index}.jpg`,
          mimeType: "image/jpeg",
          buffer: Buffer.from(await samplePicture(draw, randomFor("train", place, index))),
        })),
      ),
    })),
  );
}

async function bringPictures(page: Page): Promise<string[]> {
  const drawn = await drawnFiles();
  for (const [place, { name, files }] of drawn.entries()) {
    await page.locator(".class-name").nth(place).fill(name);
    await page.locator(".class-files").nth(place).setInputFiles(files);
  }
  return drawn.map(({ name }) => name);
}

const phase = (page: Page, wanted: string) =>
  page.waitForSelector(`body[data-run=${wanted}]`, { timeout: 60_000 });

async function setEpochs(page: Page, epochs: number): Promise<void> {
  await page.getByRole("slider", { name: "Passes over the pictures" }).fill(`${epochs}`);
}

pageTests(({ open, errors }) => {
  const openTraining = async (options = {}): Promise<Page> => {
    const page = await open(options);
    await page.goto(new URL("train.html?device=wasm", page.url()).href);
    await phase(page, "gathering");
    return page;
  };

  test("the page says what is missing until there are two named classes with pictures", async () => {
    const page = await openTraining();
    const train = page.getByRole("button", { name: "Train", exact: true });
    assert.ok(await train.isDisabled());
    assert.match((await page.textContent("main")) ?? "", /Two classes with pictures are needed/);
    await bringPictures(page);
    assert.not.ok(await train.isDisabled());
    await page.locator(".class-name").nth(1).fill("");
    assert.ok(await train.isDisabled());
    assert.match((await page.textContent("main")) ?? "", /Every class needs a name/);
    await checkAccess(page, "gathering");
    await page.context().close();
  });

  test("pictures of a folder go to the class of its name, and equal names are told apart", async () => {
    const page = await openTraining();
    const [first] = await drawnFiles();
    await page
      .locator(".class-files")
      .nth(0)
      .setInputFiles(first?.files.slice(0, 2) ?? []);
    await page
      .locator(".class-files")
      .nth(0)
      .setInputFiles(first?.files.slice(0, 1) ?? []);
    const names = await page
      .locator(".thumbnail")
      .evaluateAll((all) => all.map((one) => one.getAttribute("title")));
    assert.equal(names, ["Remove 0.jpg", "Remove 1.jpg", "Remove 0-2.jpg"]);
    await page.locator(".thumbnail").nth(1).press("Enter");
    assert.is(await page.locator(".thumbnail").count(), 2);
    await page.context().close();
  });

  test("the camera gives pictures of a class, and shows what the model says of it", async () => {
    const page = await openTraining();
    await bringPictures(page);
    await page.getByRole("button", { name: "Camera", exact: true }).first().click();
    const video = page.locator(".class-card").first().locator("video");
    await video.waitFor();
    await page.waitForFunction(() => (document.querySelector("video")?.videoWidth ?? 0) > 0);
    await page.getByRole("button", { name: "Take a picture" }).click();
    await page
      .locator(".thumbnail")
      .nth(2 * PICTURES)
      .waitFor();
    await page.getByRole("button", { name: "Close the camera" }).click();
    assert.is(await page.locator("video").count(), 0);
    await setEpochs(page, 5);
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await phase(page, "finished");
    await page.locator("section", { hasText: "Try it" }).getByRole("button", { name: "Camera" }).click();
    await page.locator(".trial-score").first().waitFor();
    await checkAccess(page, "live");
    await page.context().close();
  });

  test("a run is trained, tried, kept across a reload, and its model downloaded", async () => {
    const page = await openTraining();
    const names = await bringPictures(page);
    await setEpochs(page, 20);
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await phase(page, "finished");
    assert.match((await page.textContent("#run-facts")) ?? "", /Memory.* MB; .*10 to train on, 2 held back/);
    assert.not.match((await page.textContent("main")) ?? "", /--/);
    assert.is(await page.locator(".curve-line").count(), 2);
    const rows = await page.locator(".curve").first().locator("tbody tr").count();
    assert.ok(rows > 5, `${rows} rows`);
    await checkAccess(page, "finished");

    const [drawn] = await drawnFiles();
    await page.locator("#trial-file").setInputFiles(drawn?.files[0] ?? []);
    await page.waitForFunction(() => document.getElementById("trial-verdict")?.textContent !== "");
    assert.ok(names.includes((await page.textContent("#trial-verdict")) ?? ""));
    await checkAccess(page, "tried");

    await page.reload();
    await page.waitForSelector("#kept");
    assert.match((await page.textContent("#kept")) ?? "", new RegExp(`${names.join(", ")}, trained`));
    await page.getByRole("button", { name: "Open it" }).click();
    await phase(page, "finished");
    const downloads: string[] = [];
    const weights = new Promise<Map<string, unknown>>((resolve) =>
      page.on("download", async (download) => {
        downloads.push(download.suggestedFilename());
        if (!download.suggestedFilename().endsWith(".safetensors")) return;
        resolve(readSafetensors(readFileSync(await download.path()), "download").tensors);
      }),
    );
    await page.getByRole("button", { name: "Download the model" }).click();
    assert.ok((await weights).has("head.weight"));
    assert.ok(downloads.length >= 1);
    assert.equal(errors, []);
    await page.context().close();
  });

  test("a run is paused and stopped, and continues after a reload", async () => {
    const page = await openTraining();
    await bringPictures(page);
    await setEpochs(page, 100);
    // A hundred steps of so small a model take less time than a click from outside may.
    await page.evaluate(() => {
      const look = () => {
        const buttons = [...document.querySelectorAll<HTMLElement>("#run-buttons button")];
        const pause = buttons.find(({ textContent }) => textContent === "Pause");
        if (pause) pause.click();
        else setTimeout(look, 5);
      };
      look();
    });
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await phase(page, "paused");
    await checkAccess(page, "paused");
    await page.getByRole("button", { name: "Stop" }).click();
    await phase(page, "stopped");
    await page.reload();
    await page.waitForSelector("#kept");
    assert.match((await page.textContent("#kept")) ?? "", /stopped after \d+ steps/);
    await page.getByRole("button", { name: "Continue it" }).click();
    await phase(page, "finished");
    await page.context().close();
  });

  test("a phone has it all in one column", async () => {
    const page = await openTraining({ viewport: { width: 320, height: 640 }, hasTouch: true });
    await bringPictures(page);
    await checkAccess(page, "phone");
    await page.context().close();
  });
});
