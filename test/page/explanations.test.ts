// Explanations: attention over the picture, layer by layer from each token, and verdicts without parts of the picture.

import type { Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TINY, wavesJpeg } from "../inference/tiny-model.js";
import { checkAccess, dropFiles, outcome, pageTests } from "./page-tests.js";

const lens = (page: Page, name: string) => page.getByRole("radio", { name }).check();

/** The shades of every map on display, once they are others than `before`. */
async function mapsAfter(page: Page, before?: number[][]): Promise<number[][]> {
  const maps = await page.waitForFunction((before) => {
    const canvases = [...document.querySelectorAll<HTMLCanvasElement>(".spotlight")];
    const shades = canvases.map((canvas) =>
      Array.from(canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? []),
    );
    const drawn = shades.length > 0 && shades.every((map) => map.some((value) => value > 0));
    return drawn && JSON.stringify(shades) !== before ? shades : undefined;
  }, JSON.stringify(before));
  return (await maps.jsonValue()) as number[][];
}

async function openWithPicture(open: () => Promise<Page>): Promise<Page> {
  const page = await open();
  await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1, 64, 48) }]);
  await outcome(page, "classified", "a.jpg");
  return page;
}

pageTests(({ open, errors }) => {
  test("the rollout of all layers lies over what the model sees", async () => {
    const page = await openWithPicture(open);
    await lens(page, "Attention");
    await page.waitForSelector(".crop .spotlight");
    const [map, crop] = await Promise.all([
      page.locator(".spotlight").boundingBox(),
      page.locator(".crop").boundingBox(),
    ]);
    assert.equal(map, crop);
    assert.match((await page.textContent("#attention")) ?? "", /brightest at the \w/);
    await checkAccess(page, "rollout");
    await page.context().close();
  });

  test("one layer is shown from the class token and the distillation token, by head", async () => {
    const page = await openWithPicture(open);
    await lens(page, "Attention");
    await lens(page, "One layer");
    await page.waitForSelector(".token");
    const captions = await page.locator(".token figcaption").allTextContents();
    assert.match(captions.join("\n"), /^From the class token.*\nFrom the distillation token/);
    let maps = await mapsAfter(page);
    assert.is(maps.length, 2);
    assert.not.equal(maps[0], maps[1]);
    await page.getByLabel("Layer", { exact: true }).fill("1");
    maps = await mapsAfter(page, maps);
    for (let head = 1; head <= TINY.heads; head++) {
      await page.getByLabel("Head", { exact: true }).fill(String(head));
      maps = await mapsAfter(page, maps);
    }
    await checkAccess(page, "layers");
    await page.context().close();
  });

  test("both heads' answers stand beside each other", async () => {
    const page = await openWithPicture(open);
    await lens(page, "Attention");
    await page.waitForSelector(".pair-row");
    assert.equal(await page.locator(".pair-name").allTextContents(), ["Class token", "Distillation token"]);
    for (const place of [0, 1]) {
      const percents = await page
        .locator(`.pair-row .score-percent:nth-child(${place + 2})`)
        .allTextContents();
      const sum = percents.map((text) => Number.parseFloat(text) || 0).reduce((a, b) => a + b);
      assert.ok(Math.abs(sum - 100) < 0.5, `${sum} %`);
    }
    await page.context().close();
  });

  test("where the tokens differ, the verdict names first what the table has first", async () => {
    const page = await openWithPicture(open);
    await lens(page, "Attention");
    let turned = 0;
    for (let number = 1; number <= 12; number++) {
      const name = `waves-${number}.jpg`;
      await dropFiles(page, [{ name, bytes: wavesJpeg(number) }]);
      await outcome(page, "classified", name);
      await page.waitForSelector(".pair-row");
      const labels = await page.locator(".pair-row .score-label").allTextContents();
      assert.is(await page.textContent("#verdict"), labels[0], name);
      const first = await page.locator(".pair-row .score-percent:nth-child(2)").allTextContents();
      const shares = first.map((text) => Number.parseFloat(text));
      if (shares[0] !== Math.max(...shares)) turned++;
    }
    assert.ok(turned > 0, "the class token is the more certain one of every picture");
    await page.context().close();
  });

  test("covered parts change the verdict, by keyboard too, and the next picture is whole again", async () => {
    const page = await openWithPicture(open);
    const whole = await page.locator(".score-percent").allTextContents();
    await lens(page, "Cover parts");
    await page.locator(".cover").nth(0).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    assert.is(
      await page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
      "Row 2, column 2",
    );
    await page.keyboard.press("Space");
    await page.waitForSelector(".pair-row");
    assert.is(await page.locator(".cover[aria-pressed=true]").count(), 1);
    const both = await page.locator(".pair-row .score-percent").allTextContents();
    // A part of the waves is gone: something is less likely, and what was said of the whole still stands beside it.
    assert.ok(whole.every((percent) => both.includes(percent)));
    assert.ok(both.some((percent, place) => place % 2 === 1 && percent !== both[place - 1]));
    await checkAccess(page, "covered");
    await dropFiles(page, [{ name: "b.jpg", bytes: wavesJpeg(2) }]);
    await outcome(page, "classified", "b.jpg");
    assert.is(await page.locator(".cover[aria-pressed=true]").count(), 0);
    assert.is(await page.locator(".pair-row").count(), 0);
    await page.context().close();
  });

  test("the parts that matter are found by covering each", async () => {
    const page = await openWithPicture(open);
    await lens(page, "Cover parts");
    await page.click("#scan");
    await page.waitForSelector(".crop .spotlight");
    assert.match((await page.textContent(".lens-controls")) ?? "", /Bright: parts without which/);
    await checkAccess(page, "scanned");
    await page.context().close();
  });

  test("every lens fits a phone of 320 pixels", async () => {
    const page = await openWithPicture(() => open({ viewport: { width: 320, height: 640 } }));
    for (const name of ["Attention", "One layer", "Cover parts"]) {
      await lens(page, name);
      await checkAccess(page, name);
    }
    await page.context().close();
  });

  test("the console has no errors", () => {
    assert.equal(errors, []);
  });
});
