// Dropped decode: the picture after one that is dropped in mid-decode finds a worker that is ready, and no other decode
// takes a core from it.

import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium } from "./chromium.js";
import { hugePng } from "./huge-png.js";
import { type LibraryPage, openLibraryPage, until } from "./library-page.js";
import { rendererPid, workerThreads } from "./renderer-process.js";

const tiny = makeTinyModel();
const site = dirname(tiny.folder);
const SMALL = wavesJpeg(1).toString("base64");
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
let opened: LibraryPage;
/** Requests for the decode worker's script are not answered. */
let withholds = false;
const withheld: ServerResponse[] = [];

const decoders = () => opened.page.workers().filter((worker) => worker.url().endsWith("/decode-worker.js"));

function registerTests(executable: string): void {
  test.before(async () => {
    writeFileSync(join(site, "huge.png"), hugePng());
    writeFileSync(join(site, "half.png"), hugePng(4_350));
    const answer = ({ url = "" }: { url?: string }, response: ServerResponse) => {
      if (!withholds || !url.endsWith("/decode-worker.js")) return false;
      withheld.push(response);
      return true;
    };
    opened = await openLibraryPage({ executable, site, headers: ISOLATED, answer });
    await opened.page.evaluate(async () => {
      window.classifier = await window.library.createClassifier({ model: "tiny", threads: 1 });
    });
  });
  test.after(async () => {
    await opened?.close();
    tiny.remove();
  });

  test("a spare worker is ready before a picture is dropped, and the next picture goes to it", async () => {
    // The one that decodes, and the spare one, before any picture.
    await until(() => decoders().length === 2);
    withholds = true;
    const outcomes = await opened.page.evaluate(async (base64) => {
      const { classifier, bytesOf } = window;
      const huge = await (await fetch("huge.png")).arrayBuffer();
      const control = new AbortController();
      const dropped = classifier.classify(huge, { signal: control.signal }).catch((error) => error.name);
      await new Promise((resolve) => setTimeout(resolve, 50));
      control.abort();
      const { picture } = await classifier.classify(bytesOf(base64));
      return [await dropped, picture.format] as const;
    }, SMALL);
    assert.equal(outcomes, ["AbortError", "JPEG"]);
    // The next spare one starts once the picture has its answer.
    await until(() => withheld.length === 1);
    withholds = false;
    for (const response of withheld) response.writeHead(503).end();
  });

  if (process.platform === "linux")
    test("where memory may be shared, the work on a dropped picture ends before half of it would have been done", async () => {
      // The last test's worker has been replaced by now.
      await opened.page.evaluate((base64) => window.classifier.classify(window.bytesOf(base64)), SMALL);
      await until(() => decoders().length === 2);
      const pid = await rendererPid(opened.browser, opened.page);
      const threads = workerThreads(pid);
      const half = opened.page.evaluate(async () => {
        const [whole, half] = await Promise.all(
          ["huge.png", "half.png"].map(async (name) => (await fetch(name)).arrayBuffer()),
        );
        const control = new AbortController();
        const dropped = window.classifier.classify(whole!, { signal: control.signal }).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        control.abort();
        await dropped;
        await window.classifier.classify(half!);
      });
      const ended = until(() => !threads.every((thread) => workerThreads(pid).includes(thread)));
      const first = await Promise.race([half.then(() => "half"), ended.then(() => "dropped")]);
      await Promise.all([half, ended]);
      assert.is(first, "dropped");
    });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
