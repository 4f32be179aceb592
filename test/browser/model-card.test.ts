// Model card: what a page learns about where its model runs, and why; and models whose numbers are no answer.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  floatTensors,
  readSafetensors,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium, SWIFTSHADER } from "./chromium.js";
import { type LibraryPage, type LibraryPageOptions, openLibraryPage } from "./library-page.js";

const tiny = makeTinyModel();
const site = dirname(tiny.folder);
const JPEG = wavesJpeg(2).toString("base64");

/** Isolated pages may share memory between threads. */
const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The tiny model with one weight changed. */
function makeVariant(name: string, value: number): void {
  cpSync(tiny.folder, join(site, name), { recursive: true });
  const path = join(site, name, "model.safetensors");
  const tensors = floatTensors(readSafetensors(readFileSync(path), name), name);
  tensors.get("head.weight")?.data.fill(value, 0, 48);
  writeFileSync(path, writeSafetensors(storedFloats(tensors)));
}

async function withPage<T>(
  options: Partial<LibraryPageOptions>,
  use: (opened: LibraryPage) => Promise<T>,
): Promise<T> {
  const opened = await openLibraryPage({ executable: findChromium()!, site, ...options });
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

/** Runs in the page. */
async function cardFor(options: object) {
  const classifier = await window.library.createClassifier({ model: "tiny", ...options });
  const { card } = classifier;
  classifier.dispose();
  return card;
}

/** A page whose server answers with `status` and `body` for the script at `path`: how a load fails there. */
function refusalWithScript(path: string, status: number, body: string): Promise<[string, string]> {
  const answer: LibraryPageOptions["answer"] = ({ url }, response) => {
    if (url !== path) return false;
    response.writeHead(status, { "Content-Type": "text/javascript" }).end(body);
    return true;
  };
  return withPage({ answer }, ({ page }) =>
    page.evaluate(() => window.refusal(window.library.createClassifier({ model: "tiny", device: "wasm" }))),
  );
}

function registerTests(): void {
  test.before(() => {
    makeVariant("nan", Number.NaN);
    makeVariant("overflow", 3e38);
  });
  test.after(() => tiny.remove());

  test("a worker's script that cannot be fetched is an error of the network, and one that throws is not", async () => {
    for (const [path, what] of [
      ["/client/browser/worker.js", "model"],
      ["/client/browser/decode-worker.js", "decode"],
    ] as const) {
      const [missing, text] = await refusalWithScript(path, 404, "");
      assert.is(missing, "network/unreachable");
      assert.match(text, new RegExp(`^the ${what} worker's script could not be fetched: .*worker-src`));
      const [thrown, reason] = await refusalWithScript(path, 200, 'throw new Error("broken")');
      assert.is(thrown, "internal/worker");
      assert.match(reason, new RegExp(`^the ${what} worker failed: .*broken`));
    }
  });

  test("a page that is not isolated has one thread, and the card names the headers that change it", async () => {
    await withPage({}, async ({ page }) => {
      const card = await page.evaluate(cardFor, {});
      assert.equal([card.device, card.threads, card.dtype, card.adapter], ["wasm", 1, "float32", undefined]);
      assert.match(
        card.threadsReason ?? "",
        /^one thread: .*not cross-origin isolated.*Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/,
      );
      assert.ok(card.memoryBytes > card.parameters * 4);
      assert.is((await page.evaluate(cardFor, { threads: 1 })).threadsReason, undefined);
      const refusal = await page.evaluate(() =>
        window.refusal(window.library.createClassifier({ model: "tiny", threads: 2 })),
      );
      assert.is(refusal[0], "device/threads");
      assert.match(refusal[1], /cross-origin isolated/);
    });
  });

  test("an isolated page has several threads where there are cores, and no reason to give", async () => {
    await withPage({ headers: ISOLATED }, async ({ page }) => {
      const cores = await page.evaluate(() => navigator.hardwareConcurrency);
      const card = await page.evaluate(cardFor, {});
      assert.is(card.threads, Math.min(cores, 16));
      if (cores > 1) assert.is(card.threadsReason, undefined);
      assert.is((await page.evaluate(cardFor, { threads: 2 })).threads, 2);
    });
  });

  test("without a GPU the card says why wasm computes, in words for a page", async () => {
    await withPage({}, async ({ page }) => {
      const card = await page.evaluate(cardFor, { device: "webgpu" });
      assert.is(card.device, "wasm");
      assert.match(card.fallback ?? "", /no adapter was found|no WebGPU/);
      assert.not.match(card.fallback ?? "", /--/);
      const refusal = await page.evaluate(() =>
        window.refusal(window.library.createClassifier({ model: "tiny", device: "cuda" as never })),
      );
      assert.equal(refusal, [
        "device/unknown",
        'no device "cuda"; allowed: auto, wasm, webgpu, remote (option device)',
      ]);
    });
  });

  test("a load that fails leaves no worker, whichever part failed", async () => {
    await withPage({}, async ({ page }) => {
      const refusal = await page.evaluate(() =>
        window.refusal(
          window.library.createClassifier({ model: "tiny", assets: "/nowhere", threads: 99999 }),
        ),
      );
      // Two parts fail, at the same time: either may be first.
      assert.match(refusal[0], /^(file\/not-found|device\/threads)$/);
      const only = await page.evaluate(() =>
        window.refusal(window.library.createClassifier({ model: "tiny", threads: 99999 })),
      );
      assert.equal(only, ["device/threads", "threads is 99999; allowed: auto, or 1 to 256"]);
      for (let turn = 0; page.workers().length > 0 && turn < 1000; turn++) await page.waitForTimeout(10);
      assert.is(page.workers().length, 0);
    });
  });

  test("a software adapter is called by its name", async () => {
    await withPage({ flags: [...SWIFTSHADER] }, async ({ page }) => {
      const card = await page.evaluate(cardFor, { device: "webgpu" });
      assert.is(card.device, "webgpu");
      assert.is(card.threads, undefined);
      assert.match(card.adapter?.name ?? "", /swiftshader/i);
      assert.is(card.adapter?.software, true);
      const int8 = await page.evaluate(cardFor, { device: "webgpu", dtype: "int8" });
      assert.equal([int8.device, int8.dtype], ["wasm", "int8"]);
      assert.is(int8.fallback, "dtype int8: device webgpu has no int8 kernels");
    });
  });

  test("weights of NaN are refused when they are loaded, and logits that overflow when they come", async () => {
    await withPage({}, async ({ page }) => {
      const [nan, overflow] = await page.evaluate(async (base64) => {
        const { library, refusal, bytesOf } = window;
        const nan = await refusal(library.createClassifier({ model: "nan" }));
        const classifier = await library.createClassifier({ model: "overflow" });
        return [nan, await refusal(classifier.classify(bytesOf(base64)))];
      }, JPEG);
      assert.is(nan![0], "weights/not-finite");
      assert.match(nan![1], /head\.weight.*NaN/);
      assert.is(overflow![0], "model/not-finite");
      assert.match(overflow![1], /the model answers (-?Infinity|NaN) for class 0/);
    });
  });

  test.run();
}

if (findChromium()) registerTests();
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
