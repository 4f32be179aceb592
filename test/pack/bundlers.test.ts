// The packed @vitrine/browser in fresh projects: every bundler's page finds workers and WebAssembly without being told
// where they are. `npm run bundlers` adds the bundlers that take minutes.

import type { Browser } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findChromium, launchChromium } from "../browser/chromium.js";
import { TINY_LABELS } from "../inference/tiny-model.js";
import { BUNDLERS, EXAMPLES, makeProject, type Project, SLOW_BUNDLERS } from "./bundlers.js";

const bundlers = process.env.VITRINE_SLOW_BUNDLERS ? [...BUNDLERS, ...SLOW_BUNDLERS] : BUNDLERS;
const LIMIT_BYTES = 2_000_000;

let project: Project;
let browser: Browser;

function registerTests(executable: string): void {
  test.before(async () => {
    project = await makeProject([...bundlers, ...EXAMPLES]);
    browser = await launchChromium(executable);
  });

  test.after(async () => {
    await browser?.close();
    project?.remove();
  });

  test("the installed package is smaller than 2 MB and brings no other", () => {
    assert.ok(project.installedBytes < LIMIT_BYTES, `${project.installedBytes} bytes`);
  });

  for (const bundler of bundlers) {
    test(`${bundler.name}: a page below the top classifies JPEG, WebP and AVIF with threads`, async () => {
      const { failure, answers = [], deviceDescription, errors } = await project.classifyIn(bundler, browser);
      assert.is(failure, undefined);
      assert.equal(errors, []);
      assert.equal(
        answers.map(({ name, decodedBy }) => [name, decodedBy]),
        ["photo.jpg", "photo.webp", "photo.avif"].map((name) => [name, "vitrine"]),
      );
      for (const { label } of answers) assert.ok(TINY_LABELS.includes(label), label);
      assert.match(deviceDescription ?? "", /thread/);
    });
  }

  for (const example of EXAMPLES) {
    test(`examples/${example.folder} shows three classes of a photograph, for one download`, async () => {
      const { lines, downloads, errors } = await project.tryExample(example, browser);
      assert.equal(errors, []);
      assert.is(downloads, 1);
      assert.is(lines.length, 3);
      for (const line of lines) assert.match(line, /^[a-z, ]+ \d+\.\d%$/);
    });
  }

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: needs chromium");
