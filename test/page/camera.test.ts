// Camera: a live verdict on its frames, for as long as it is open, in a bounded amount of memory.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { announced, checkAccess, outcome, pageTests } from "./page-tests.js";

const FRAMES = 300;
/** A frame of 1280 × 720 pixels takes 3.7 MB: a tenth of the frames that stay would be far above this. */
const MOST_GROWTH = 30e6;

pageTests(({ open, errors }) => {
  test("300 frames are classified in turn, and the page's memory stays as it is", async () => {
    const page = await open();
    await page.click("#open-camera");
    const framesUntil = (count: number) =>
      page.waitForFunction(
        (count) =>
          Number(/([\d,]+) so far/.exec(document.getElementById("camera-facts")?.textContent ?? "")?.[1]) >=
          count,
        count,
        { timeout: 120_000 },
      );
    const session = await page.context().newCDPSession(page);
    const heap = async () => {
      await session.send("HeapProfiler.collectGarbage");
      return (await session.send("Runtime.getHeapUsage")).usedSize;
    };
    await framesUntil(50);
    const before = await heap();
    await framesUntil(FRAMES);
    const growth = (await heap()) - before;
    assert.ok(growth < MOST_GROWTH, `${growth} bytes in ${FRAMES - 50} frames`);
    assert.match((await page.textContent("#camera-facts")) ?? "", /^\d+\.\d frames a second/);
    assert.is(await page.locator("#verdict").count(), 1);
    await checkAccess(page, "camera");
    await page.context().close();
  });

  test("a frame is kept as a picture, and the camera is let go", async () => {
    const page = await open();
    await page.click("#open-camera");
    await page.waitForSelector("#live");
    await page.getByRole("button", { name: "Keep this picture" }).click();
    await outcome(page, "classified", "Camera.png");
    assert.is(await page.evaluate(() => document.body.dataset.camera), "off");
    assert.is(await page.locator("video").count(), 0);
    await page.context().close();
  });

  test("a live verdict is not read out frame by frame", async () => {
    const page = await open();
    await page.click("#open-camera");
    await page.waitForSelector("#live");
    await announced(page, /^The camera is open\.$/);
    assert.is(await page.locator("#live [aria-live], #live [role=status]").count(), 0);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#choose");
    await page.context().close();
  });

  test("a camera that is not allowed says what to do, and can be tried again", async () => {
    const page = await open();
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("Permission denied", "NotAllowedError");
      };
    });
    await page.click("#open-camera");
    await page.waitForSelector("#failure");
    assert.match((await page.textContent("#failure")) ?? "", /not allowed here.*Allow it/);
    await checkAccess(page, "camera refused");
    await page.evaluate(() => Reflect.deleteProperty(navigator.mediaDevices, "getUserMedia"));
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForSelector("#live");
    await page.context().close();
  });

  test("the console has no errors", () => {
    assert.equal(errors, []);
  });
});
