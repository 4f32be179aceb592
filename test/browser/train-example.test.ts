// Training example: examples/browser-train trains a head on two classes, names a picture's class, and hands out the model.

import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeModelSource } from "../../runtime/host/node.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { makeTinyModel } from "../inference/tiny-model.js";
import { findChromium } from "./chromium.js";
import { TrainingSite } from "./training-site.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const tiny = makeTinyModel();
let site: TrainingSite;

function registerTests(executable: string): void {
  test.before(async () => {
    site = await TrainingSite.open(executable, tiny.folder, { train: 10, val: 2 });
    const home = join(site.folder, "example");
    cpSync(join(ROOT, "examples/browser-train"), home, { recursive: true });
    cpSync(tiny.folder, join(home, "model"), { recursive: true });
    mkdirSync(join(home, "node_modules"));
    symlinkSync(ROOT, join(home, "node_modules/vitrine"), "junction");
  });
  test.after(async () => {
    await site?.close();
    tiny.remove();
  });

  test("pictures of two classes become a model that answers in the page and that every command reads", async () => {
    const { page } = site;
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(new URL("example/", page.url()).href);
    const pictures = (split: string, label: string) => {
      const folder = join(site.folder, "pictures", split, label);
      return readdirSync(folder).map((name) => join(folder, name));
    };
    for (const [place, label] of site.classes.entries()) {
      const fieldset = page.locator("fieldset").nth(place);
      await fieldset.locator("[type=text]").fill(label);
      await fieldset.locator("[type=file]").setInputFiles(pictures("train", label));
    }
    await page.getByRole("button", { name: "Train" }).click();
    const trial = page.getByLabel("Try a picture");
    await trial.waitFor({ timeout: 120_000 });
    assert.match(
      (await page.textContent("#progress")) ?? "",
      /^\d+% of the pictures that were held back are right$/,
    );
    await trial.setInputFiles(pictures("val", site.classes[0] ?? "")[0] ?? "");
    await page.waitForSelector("li");
    const lines = await page.locator("li").allTextContents();
    assert.equal(lines.map((line) => line.replace(/ [\d.]+%$/, "")).sort(), [...site.classes].sort());

    const kept = join(site.folder, "kept");
    const downloads: Promise<void>[] = [];
    page.on("download", (download) => {
      downloads.push(download.saveAs(join(kept, download.suggestedFilename())));
    });
    await page.getByRole("button", { name: /^Save/ }).click();
    while (downloads.length < 2) await page.waitForTimeout(50);
    await Promise.all(downloads);
    const { labels } = await readModel(nodeModelSource(kept));
    assert.equal([...labels].sort(), [...site.classes].sort());
    assert.equal(errors, []);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
