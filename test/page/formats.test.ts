// Formats: a visitor chooses among the formats that the server has the weights in, and downloads that one only.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { pageTests } from "./page-tests.js";

pageTests(
  ({ open, errors }) => {
    test("the settings offer the server's formats with their sizes; the chosen one is downloaded and verified", async () => {
      const page = await open();
      await page.getByRole("button", { name: /tiny/ }).click();
      const weights = page.getByLabel("Weights", { exact: true });
      const options = await weights.locator("option").allTextContents();
      assert.is(options[0], "What the connection allows");
      assert.equal(
        options.slice(1).map((text) => /^(\w+), [\d.]+ MB$/.exec(text)?.[1]),
        ["float32", "float16", "int8"],
      );
      const asked: string[] = [];
      page.context().on("request", (request) => asked.push(new URL(request.url()).pathname));
      await weights.selectOption("int8");
      await page.waitForFunction(() => /int8/.test(document.getElementById("facts")?.textContent ?? ""));
      assert.match((await page.textContent("#facts")) ?? "", /checksum verified/);
      assert.equal(
        asked.filter((path) => path.endsWith(".safetensors")),
        ["/models/tiny/model.int8.safetensors"],
      );
      assert.equal(errors, []);
      await page.context().close();
    });
  },
  undefined,
  ["--dtype", "f32,f16,int8"],
);
