// Settings: the panel by keyboard, what it changes, and a second model that looks at the same picture.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { wavesJpeg } from "../inference/tiny-model.js";
import { checkAccess, dropFiles, outcome, pageTests, tabTo } from "./page-tests.js";

const focused = () => document.activeElement?.id ?? "";

pageTests(({ open, errors }) => {
  test("the panel opens and closes by keyboard, holds the focus, and gives it back", async () => {
    const page = await open();
    await tabTo(page, "model-line");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open]");
    await checkAccess(page, "settings");
    for (let press = 0; press < 20; press++) {
      await page.keyboard.press("Tab");
      assert.ok(
        await page.evaluate(
          () => document.activeElement === document.body || document.activeElement?.closest("dialog"),
        ),
      );
    }
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog:not([open])", { state: "attached" });
    assert.is(await page.evaluate(focused), "model-line");
    await page.context().close();
  });

  test("a verdict names as many classes as are asked for", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "a.jpg");
    await page.click("#model-line");
    await page.getByLabel("Classes in a verdict").fill("3");
    assert.is(await page.locator(".score").count(), 3);
    assert.match((await page.textContent("#facts")) ?? "", /This picture.*ms to decode.*ms in the model/);
    await page.context().close();
  });

  test("another device loads the model again and looks at the picture again", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "a.jpg");
    const before = await page.locator(".score").allTextContents();
    await page.click("#model-line");
    await page.getByRole("radio", { name: "CPU" }).check({ force: true });
    await page.waitForSelector("body[data-photograph=reading], body[data-model=loading]");
    await page.waitForSelector("body[data-model=ready][data-device=wasm]");
    await outcome(page, "classified", "a.jpg");
    assert.equal(await page.locator(".score").allTextContents(), before);
    await page.context().close();
  });

  test("a second model looks at the same picture, and ends when it is asked to", async () => {
    const page = await open();
    await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "a.jpg");
    await page.click("#model-line");
    await page.click("#compare");
    await page.waitForSelector("#rival .verdict");
    // The same weights in int8: nearly the same probabilities.
    const percents = await page.locator("#rival .score-percent").allTextContents();
    const values = percents.map((text) => Number.parseFloat(text.replace("< ", "")));
    assert.is(values.length, 10);
    for (let row = 0; row < values.length; row += 2)
      assert.ok(Math.abs((values[row] ?? 0) - (values[row + 1] ?? 100)) < 5, percents.join(" "));
    assert.match((await page.locator(".pair-name").allTextContents()).join("\n"), /float32.*\n.*int8/);
    await checkAccess(page, "comparison, settings");
    await page.keyboard.press("Escape");
    await checkAccess(page, "comparison");
    await dropFiles(page, [{ name: "b.jpg", bytes: wavesJpeg(2) }]);
    await outcome(page, "classified", "b.jpg");
    await page.waitForSelector("#rival .verdict");
    await page.click("#model-line");
    await page.getByRole("button", { name: "End the comparison" }).click();
    assert.is(await page.locator("#rival").count(), 0);
    await page.context().close();
  });

  test("a model that cannot be loaded says why, and is tried again", async () => {
    // A service worker would answer with the list of the last visit.
    const page = await open({ serviceWorkers: "block" });
    await page.route("**/models.json", (route) => route.fulfill({ status: 503, body: "" }));
    await page.reload();
    await page.waitForSelector("body[data-model=failed]");
    assert.match(
      (await page.textContent("#failure")) ?? "",
      /could not be loaded.*models\.json answered 503/,
    );
    await checkAccess(page, "no model");
    await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1) }]);
    await page.unroute("**/models.json");
    await page.getByRole("button", { name: "Try again" }).click();
    await outcome(page, "classified", "a.jpg");
    await page.context().close();
  });

  test("weights that are no weights are damaged files to a visitor, and an error with its details in the console", async () => {
    const page = await open({ serviceWorkers: "block" });
    const logged: string[] = [];
    page.on("console", (message) => message.type() === "error" && logged.push(message.text()));
    await page.evaluate(() => caches.delete("vitrine-weights"));
    await page.route("**/model.safetensors*", (route) =>
      route.fulfill({ contentType: "application/octet-stream", body: "cut off" }),
    );
    await page.reload();
    await page.waitForSelector("body[data-model=failed]");
    const shown = (await page.textContent("#failure")) ?? "";
    assert.match(shown, /files are damaged or incomplete/);
    assert.not.match(shown, /safetensors|http|[0-9a-f]{20}/);
    assert.ok(
      logged.some((text) => /SHA-256/.test(text)),
      logged.join("\n"),
    );
    await page.context().close();
  });

  test("a result is copied as text", async () => {
    const page = await open({ permissions: ["clipboard-read", "clipboard-write"] });
    await dropFiles(page, [{ name: "a.jpg", bytes: wavesJpeg(1) }]);
    await outcome(page, "classified", "a.jpg");
    await page.click("#copy-text");
    await page.getByText("Text copied.").waitFor();
    const [text, verdict] = await Promise.all([
      page.evaluate(() => navigator.clipboard.readText()),
      page.textContent("#verdict"),
    ]);
    assert.match(text, /^a\.jpg, looked at by tiny:\n/);
    assert.ok(text.includes(verdict ?? "?"));
    await page.context().close();
  });

  test("the console has no errors but those of models that failed", () => {
    assert.equal(
      errors.filter((text) => !/503|SHA-256/.test(text)),
      [],
    );
  });
});
