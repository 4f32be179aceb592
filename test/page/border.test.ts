// Border: of a model whose input has a border around the whole picture, maps lie where the model's input is.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { TINY, wavesJpeg } from "../inference/tiny-model.js";
import { dropFiles, outcome, pageTests } from "./page-tests.js";

const BORDER = { ...TINY, cropMode: "border", cropRatio: 1 } as const;
/** The long side becomes the input's side, 32; the short one round(44 · 32 / 60) = 23, below a border of ⌊(32 − 23) / 2⌋. */
const [ROWS, BORDER_ROWS] = [23, 4];

pageTests(({ open, errors }) => {
  test("the rollout covers the border, too, and shows the picture's rows on the picture", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "wide.jpg", bytes: wavesJpeg(1, 60, 44) }]);
    await outcome(page, "classified", "wide.jpg");
    await page.getByRole("radio", { name: "Attention" }).check();
    await page.waitForSelector(".spotlight");
    const boxes = await Promise.all(
      [".crop", ".photograph", ".spotlight"].map((selector) => page.locator(selector).boundingBox()),
    );
    const [crop, photograph, map] = boxes.map((box) => box ?? assert.unreachable("no box"));
    assert.equal(crop, photograph);
    const isClose = (got: number, want: number) =>
      assert.ok(Math.abs(got - want) < 0.5, `${got}, not ${want}`);
    isClose(map!.width, crop!.width);
    isClose(map!.height, (crop!.height * BORDER.imageSize) / ROWS);
    isClose(map!.y, crop!.y - (crop!.height * BORDER_ROWS) / ROWS);
    await page.context().close();
  });

  test("one layer is shown over the model's input, whose border stays empty", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "wide.jpg", bytes: wavesJpeg(1, 60, 44) }]);
    await outcome(page, "classified", "wide.jpg");
    await page.getByRole("radio", { name: "Attention" }).check();
    await page.getByRole("radio", { name: "One layer" }).check();
    const opaque = await page.waitForFunction(() => {
      const canvas = document.querySelector<HTMLCanvasElement>(".cropped-canvas");
      const data = canvas?.getContext("2d")?.getImageData(10, 0, 1, canvas.height).data ?? [];
      const rows = Array.from(data).filter((_, place) => place % 4 === 3);
      return rows.some((alpha) => alpha === 255) ? rows.map((alpha) => alpha === 255) : undefined;
    });
    const rows = (await opaque.jsonValue()) as boolean[];
    const [first, count] = [rows.indexOf(true), rows.filter(Boolean).length];
    const scale = rows.length / BORDER.imageSize;
    assert.ok(Math.abs(first - BORDER_ROWS * scale) <= 1, `begins at row ${first}`);
    assert.ok(Math.abs(count - ROWS * scale) <= 2, `${count} rows`);
    assert.equal(errors, []);
    await page.context().close();
  });
}, BORDER);
