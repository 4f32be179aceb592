// In a browser: the comparison finds Node's inputs and classes in a page, counts what both refuse, and names what differs.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findChromium } from "../browser/chromium.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { compareInBrowser } from "./in-browser.js";

function registerTests(executable: string): void {
  test("photographs have Node's inputs and classes in a page; what both refuse is counted", async () => {
    const tiny = makeTinyModel();
    const root = mkdtempSync(join(tmpdir(), "vitrine-in-browser-"));
    for (let seed = 0; seed < 3; seed++) writeFileSync(join(root, `${seed}.jpg`), wavesJpeg(seed));
    writeFileSync(join(root, "cut.jpg"), wavesJpeg(1).subarray(0, 500));
    writeFileSync(join(root, "notes.txt"), "no picture");
    const options = { executable, root, model: tiny.folder, device: "wasm", tolerance: 1e-4 } as const;
    try {
      const { description, largestDifference, decided, agreed, ...report } = await compareInBrowser(options);
      assert.match(description, /^wasm/);
      assert.ok(largestDifference <= 1e-4, `${largestDifference}`);
      assert.is(agreed, decided);
      assert.equal(report, {
        ...{ photographs: 5, refused: 2, differences: [] },
        ...{ images: 3, same: 3, failures: [] },
      });
      const short = await compareInBrowser({ ...options, minutes: 0 });
      assert.equal([short.images, short.photographs], [1, 5]);
    } finally {
      tiny.remove();
      rmSync(root, { recursive: true });
    }
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: needs chromium");
