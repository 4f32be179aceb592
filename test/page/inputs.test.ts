// Inputs: pictures come in by dropping, pasting, an address, a sample, a drawing; what is none gets words that help.

import { PNG } from "pngjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SLOW, wavesJpeg } from "../inference/tiny-model.js";
import { announced, bringText, checkAccess, dropFiles, outcome, pageTests } from "./page-tests.js";

const PICTURES = "https://pictures.example/";
const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><circle cx="20" cy="15" r="9"/></svg>';

/** A red picture of 64 × 64 pixels, its left half of this opacity. */
function redPng(opacity: number): Buffer {
  const png = new PNG({ width: 64, height: 64 });
  for (let place = 0; place < 64 * 64; place++)
    png.data.set([255, 0, 0, place % 64 < 32 ? opacity : 255], 4 * place);
  return PNG.sync.write(png);
}

pageTests(({ open, errors }) => {
  test("a sample is drawn, shown and classified", async () => {
    const page = await open();
    await page.click(".sample >> nth=0");
    await outcome(page, "classified", "Lighthouse.svg");
    assert.is(await page.locator(".crop").count(), 1);
    await checkAccess(page, "sample");
    await page.context().close();
  });

  test("an SVG file is drawn into pixels; one that is damaged is refused", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "circle.svg", bytes: Buffer.from(SVG), type: "image/svg+xml" }]);
    await outcome(page, "classified", "circle.svg");
    await dropFiles(page, [{ name: "broken.svg", bytes: Buffer.from("<svg"), type: "image/svg+xml" }]);
    await outcome(page, "failed", "broken.svg");
    await page.context().close();
  });

  test("transparency is looked for after the verdict, beside the page's thread, and not at all in a JPEG file", async () => {
    const page = await open();
    await page.evaluate(() => {
      const state = () => document.body.dataset.photograph;
      const looked: string[] = [];
      const [create, draw] = [createImageBitmap, OffscreenCanvasRenderingContext2D.prototype.drawImage];
      window.createImageBitmap = (...args: unknown[]) => {
        if (args[1]) looked.push(`${(args[0] as File).name} ${state()}`);
        return (create as (...args: unknown[]) => Promise<ImageBitmap>)(...args);
      };
      OffscreenCanvasRenderingContext2D.prototype.drawImage = function (...args: unknown[]) {
        if (args[0] instanceof HTMLImageElement) looked.push("an <img>, which stops the page");
        return (draw as (...args: unknown[]) => void).apply(this, args);
      };
      Object.assign(window, { looked });
    });
    await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "a.jpg");
    await dropFiles(page, [{ name: "clear.png", bytes: redPng(0) }]);
    await outcome(page, "classified", "clear.png");
    await page.waitForSelector("#transparency");
    assert.equal(await page.evaluate("looked"), ["clear.png classified"]);
    await page.context().close();
  });

  test("beside a picture with transparent parts stands what the model sees there, and its copy is not black", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "clear.png", bytes: redPng(0) }]);
    await outcome(page, "classified", "clear.png");
    await page.waitForSelector("#transparency");
    assert.match(
      (await page.textContent("#transparency")) ?? "",
      /the model sees the colors that the file keeps/,
    );
    await checkAccess(page, "transparent");
    await dropFiles(page, [{ name: "full.png", bytes: redPng(255) }]);
    await outcome(page, "classified", "full.png");
    await page.waitForSelector(".crop");
    assert.is(await page.locator("#transparency").count(), 0);
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelectorAll(".thumbnail-picture").length === 2);
    const shades = await page.evaluate(async () => {
      const images = [...document.querySelectorAll<HTMLImageElement>(".thumbnail-picture")];
      await Promise.all(images.map((image) => image.decode()));
      return images.map((image) => {
        const context = new OffscreenCanvas(240, 180).getContext("2d");
        context?.drawImage(image, 0, 0);
        return [...(context?.getImageData(40, 90, 1, 1).data ?? [])];
      });
    });
    // The ground of the light theme is nearly white; red is the other picture.
    assert.ok(
      shades.some(([, green = 0]) => green > 200),
      JSON.stringify(shades),
    );
    assert.ok(
      shades.every(([red = 0]) => red > 200),
      JSON.stringify(shades),
    );
    await page.context().close();
  });

  test("the frame marks the square that the model sees", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "wide.jpg", bytes: wavesJpeg(3, 144, 72) }]);
    await outcome(page, "classified", "wide.jpg");
    await page.waitForSelector(".crop");
    const [box, crop] = await Promise.all(
      [".picture-box", ".crop"].map((selector) => page.locator(selector).boundingBox()),
    );
    assert.ok(box && crop);
    // 32 of int(32 / 0.875) = 36 pixels of the short side.
    assert.ok(Math.abs(crop.width - crop.height) < 1, `${crop.width} × ${crop.height}`);
    assert.ok(Math.abs(crop.height - (box.height * 32) / 36) < 1, `${crop.height} of ${box.height}`);
    await page.context().close();
  });

  test("a link or a picture of another page is fetched and shown under its name", async () => {
    const page = await open();
    const headers = { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" };
    await page.route(`${PICTURES}**`, (route) => {
      const path = new URL(route.request().url()).pathname;
      if (path === "/page") return route.fulfill({ headers, contentType: "text/html", body: "<p>" });
      if (path === "/gone.jpg") return route.fulfill({ headers, status: 404 });
      if (path === "/private.jpg") return route.abort();
      return route.fulfill({ headers, contentType: "image/jpeg", body: Buffer.from(wavesJpeg(2)) });
    });
    await bringText(page, "paste", { "text/plain": `${PICTURES}a.jpg` });
    await outcome(page, "classified", "a.jpg");
    await bringText(page, "drop", { "text/html": `<a href="x"><img src="${PICTURES}b.jpg"></a>` });
    await outcome(page, "classified", "b.jpg");
    await page.getByRole("button", { name: "Web address" }).click();
    await page.keyboard.type(`${PICTURES}c.jpg`);
    await page.keyboard.press("Enter");
    await outcome(page, "classified", "c.jpg");

    for (const [path, words] of [
      ["page", /leads to a page/],
      ["gone.jpg", /no picture there\..*404/],
      ["private.jpg", /does not let other pages read.*Save the picture/],
    ] as const) {
      await bringText(page, "drop", { "text/uri-list": PICTURES + path });
      await page.waitForFunction(() => document.getElementById("failure"));
      assert.match((await page.textContent("#failure")) ?? "", words);
      await announced(page, words);
      await dropFiles(page, [{ name: "next.jpg", bytes: wavesJpeg(4) }]);
      await outcome(page, "classified", "next.jpg");
      assert.is(await page.locator("#failure").count(), 0);
    }
    await page.context().close();
  });

  test("what holds no picture is refused in words, beside no other picture's verdict", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "first.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "first.jpg");
    await bringText(page, "paste", { "text/plain": "good morning" });
    await page.waitForSelector("#failure");
    assert.match((await page.textContent("#failure")) ?? "", /clipboard has no picture/);
    assert.is(await page.locator("#verdict").count(), 0);
    await bringText(page, "drop", { "text/plain": "good morning" });
    await page.waitForFunction(() =>
      /Drop picture files/.test(document.getElementById("failure")?.textContent ?? ""),
    );
    await checkAccess(page, "refused");
    await page.context().close();
  });

  test("formats that no browser of this kind reads are called by their names", async () => {
    const page = await open();
    for (const [name, words] of [
      ["IMG_0001.HEIC", /HEIC.*Most Compatible/],
      ["scan.pdf", /PDF/],
      ["clip.mp4", /video/],
      ["notes.txt", /cannot be read as a picture.*JPEG, PNG/],
    ] as const) {
      await dropFiles(page, [{ name, bytes: Buffer.from("no picture at all, only some text") }]);
      await outcome(page, "failed", name);
      assert.match((await page.textContent("#failure")) ?? "", words);
    }
    await page.context().close();
  });

  test("while a picture is looked at, no earlier verdict stands beside it", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "first.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "first.jpg");
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      new MutationObserver(() => {
        const name = document.getElementById("file-name")?.textContent ?? "";
        const verdict = document.getElementById("verdict") ? "verdict" : "none";
        const words = document.querySelector(".placard .waiting")?.textContent ?? "";
        const busy = document.querySelector(".placard [aria-busy=true]") ? "busy" : "";
        const said = document.getElementById("announcement")?.textContent ?? "";
        seen.push([document.body.dataset.photograph, name, verdict, words, busy, said].join("|"));
      }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
    await dropFiles(page, [{ name: "second.jpg", bytes: wavesJpeg(2, 900, 700) }]);
    await outcome(page, "classified", "second.jpg");
    const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    assert.ok(
      seen.includes("reading|second.jpg|none|Looking …|busy|Looking at second.jpg …"),
      seen.join("\n"),
    );
    assert.not(
      seen.some((state) => state.startsWith("reading|second.jpg|verdict")),
      seen.join("\n"),
    );
    await page.context().close();
  });

  test("the console has no errors but the browser's own about refused requests", () => {
    assert.equal(
      errors.filter((text) => !/Failed to load resource|blocked by CORS/.test(text)),
      [],
    );
  });
}, SLOW);
