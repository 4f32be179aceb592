// Many pictures: a chosen folder becomes a collection that is sorted, filtered, counted and saved.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { wavesJpeg } from "../inference/tiny-model.js";
import { checkAccess, dropFiles, outcome, pageTests } from "./page-tests.js";

/** Folders named as classes of the tiny model; the third is none. */
const FOLDERS = ["ant", "honey_bee", "holiday"];
const EACH = 4;

function drawFolders(): string {
  const root = mkdtempSync(join(tmpdir(), "vitrine-pictures-"));
  for (const [place, folder] of FOLDERS.entries()) {
    mkdirSync(join(root, folder));
    for (let n = 0; n < EACH; n++) writeFileSync(join(root, folder, `${n}.jpg`), wavesJpeg(10 * place + n));
    writeFileSync(join(root, folder, "notes.txt"), "no picture");
  }
  writeFileSync(join(root, "ant", "=half.jpg"), wavesJpeg(1).subarray(0, 700));
  return root;
}

/** Opens the collection of a folder and waits until all its pictures have been looked at. */
async function openFolder(page: Page, folder: string): Promise<void> {
  await page.setInputFiles("#folder", folder);
  await page.waitForFunction(
    (count) =>
      document.querySelectorAll(".tile").length === count && !document.querySelector(".summary progress"),
    FOLDERS.length * EACH + 1,
  );
}

const names = (page: Page) =>
  page.locator(".tile-name").evaluateAll((all) => all.map((element) => element.textContent?.trim() ?? ""));

pageTests(({ open, errors }) => {
  const folder = drawFolders();
  test.after(() => rmSync(folder, { recursive: true }));

  test("a folder shows a tile for each picture, and leaves out what is none", async () => {
    const page = await open();
    await openFolder(page, folder);
    assert.match((await page.textContent(".summary-title")) ?? "", /^13 pictures$/);
    assert.match((await page.textContent(".summary")) ?? "", /Of 8 in folders named as classes/);
    assert.match((await page.textContent(".summary")) ?? "", /1 could not be read/);
    await checkAccess(page, "collection");
    await page.context().close();
  });

  test("a picture's small copy is made after its verdict, so that none is decoded twice at once", async () => {
    const page = await open({ serviceWorkers: "block" });
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route("**/models.json", async (route) => {
      await released;
      await route.continue();
    });
    await page.reload();
    await dropFiles(
      page,
      [1, 2].map((seed) => ({ name: `${seed}.jpg`, bytes: wavesJpeg(seed) })),
    );
    await page.waitForSelector(".tile");
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    assert.is(await page.locator(".thumbnail-picture").count(), 0);
    release();
    await page.waitForFunction(() => document.querySelectorAll(".thumbnail-picture").length === 2);
    await page.context().close();
  });

  test("order and filter change what is listed", async () => {
    const page = await open();
    await openFolder(page, folder);
    await page.getByLabel("Order").selectOption("name");
    const sorted = await names(page);
    assert.is(sorted[0]?.endsWith("=half.jpg"), true);
    await page.getByLabel("Order").selectOption("sure");
    const percents = await page.locator(".tile-percent").allTextContents();
    const values = percents.map((text) => Number.parseFloat(text));
    assert.equal(
      values,
      [...values].sort((a, b) => b - a),
    );
    await page.getByLabel("Find").fill("holiday");
    assert.is((await names(page)).length, EACH);
    await page.getByLabel("Find").fill("");
    await page.getByLabel("Show").selectOption("failed");
    assert.equal(await names(page), ["ant / =half.jpg"]);
    await page.context().close();
  });

  test("right and wrong tiles, the table's cells and the CSV agree", async () => {
    const page = await open();
    await openFolder(page, folder);
    const count = async (kind: string) => {
      await page.getByLabel("Show").selectOption(kind);
      return page.locator(".tile").count();
    };
    const [right, wrong] = [await count("right"), await count("wrong")];
    assert.is(right + wrong, 2 * EACH);
    const cells = await page.locator(".confusion-count").allTextContents();
    assert.is(
      cells.map(Number).reduce((a, b) => a + b),
      FOLDERS.length * EACH,
    );
    await page.locator(".confusion-count").first().click();
    assert.is(await page.locator(".tile").count(), Number(cells[0]));

    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-csv")]);
    const lines = readFileSync(await download.path(), "utf8")
      .trimEnd()
      .split("\r\n");
    assert.is(lines.length, 1 + FOLDERS.length * EACH + 1);
    assert.match(lines[0] ?? "", /^file,folder,right,class_1,probability_1,/);
    assert.is(lines.filter((line) => line.split(",")[2] === "yes").length, right);
    // A spreadsheet would compute with a name that starts with an equals sign.
    assert.ok(lines.some((line) => line.startsWith("'=half.jpg,ant,")));
    await page.context().close();
  });

  test("a tile opens its picture; arrow keys walk on, Escape goes back to all", async () => {
    const page = await open();
    await dropFiles(
      page,
      [1, 2, 3].map((seed) => ({ name: `${seed}.jpg`, bytes: wavesJpeg(seed) })),
    );
    await page.locator(".tile-button").nth(1).click();
    await outcome(page, "classified", "2.jpg");
    assert.is(await page.locator(".strip-picture").count(), 3);
    await checkAccess(page, "one of several");
    await page.keyboard.press("ArrowRight");
    await outcome(page, "classified", "3.jpg");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".tiles");
    // The keyboard goes on where it was.
    await page.waitForFunction(() => document.activeElement?.textContent?.includes("3.jpg"));
    await page.context().close();
  });

  test("the collection fits a phone of 320 pixels, in dark and in forced colors", async () => {
    const viewport = { width: 320, height: 640 };
    for (const options of [{ colorScheme: "dark" as const }, { forcedColors: "active" as const }]) {
      const page = await open({ viewport, ...options });
      await openFolder(page, folder);
      await checkAccess(page, JSON.stringify(options));
      await page.context().close();
    }
  });

  test("the console has no errors", () => {
    assert.equal(errors, []);
  });
});
