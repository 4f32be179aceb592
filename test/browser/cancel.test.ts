// Cancel: a signal ends a load and drops a picture at once, and what is dropped holds up nothing that follows.

import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium } from "./chromium.js";
import { hugePng } from "./huge-png.js";
import { type LibraryPage, openLibraryPage, until } from "./library-page.js";

const tiny = makeTinyModel();
const site = dirname(tiny.folder);
const SMALL = wavesJpeg(1).toString("base64");
/** Of the page's classifier: one that decodes, one that computes, and soon a spare one that decodes. */
const areIdle = () => [2, 3].includes(opened.page.workers().length);
let opened: LibraryPage;
/** Answers that are never finished, by path. */
const held = new Map<string, ServerResponse>();

const count = (path: RegExp) => opened.requested.filter((asked) => path.test(asked)).length;

function registerTests(executable: string): void {
  test.before(async () => {
    writeFileSync(join(site, "huge.png"), hugePng());
    const answer = (request: { url?: string }, response: ServerResponse) => {
      if (!request.url?.startsWith("/held/")) return false;
      held.set(request.url, response);
      response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": 1e6 });
      response.write(Buffer.alloc(1000));
      return true;
    };
    opened = await openLibraryPage({ executable, site, answer });
    await opened.page.evaluate(async () => {
      window.classifier = await window.library.createClassifier({ model: "tiny" });
    });
  });
  test.after(async () => {
    await opened?.close();
    tiny.remove();
  });

  test("a mount, unmount and mount in one task, as by React's StrictMode, loads once", async () => {
    const before = [count(/tiny\/model\.safetensors/), count(/browser\/worker\.js/)];
    const [first, second] = await opened.page.evaluate(async () => {
      const { library, refusal } = window;
      const mount = () => {
        const control = new AbortController();
        const loading = library.createClassifier({ model: "tiny", signal: control.signal });
        return { loading, unmount: () => control.abort() };
      };
      const one = mount();
      const refused = refusal(one.loading);
      one.unmount();
      const two = mount();
      const classifier = await two.loading;
      // Too late to end the load.
      two.unmount();
      const { device } = classifier.card;
      classifier.dispose();
      return [await refused, device] as const;
    });
    assert.match(first[1], /aborted/);
    assert.is(second, "wasm");
    const after = [count(/tiny\/model\.safetensors/), count(/browser\/worker\.js/)];
    assert.equal(
      after.map((value, place) => value - (before[place] as number)),
      [1, 1],
    );
  });

  test("a load that is aborted in the middle of its download ends its requests and its workers", async () => {
    // Those that earlier tests ended may still be there.
    await until(areIdle);
    const refusal = opened.page.evaluate(async () => {
      const control = new AbortController();
      addEventListener("stop-load", () => control.abort(new Error("another model")), { once: true });
      return window.refusal(window.library.createClassifier({ model: "held", signal: control.signal }));
    });
    await until(() => held.size > 0);
    assert.not(areIdle());
    const [response] = held.values();
    const closed = new Promise<void>((resolve) => response!.on("close", resolve));
    await opened.page.evaluate(() => dispatchEvent(new Event("stop-load")));
    assert.equal(await refusal, ["Error", "another model"]);
    await closed;
    await until(areIdle);
  });

  test("a picture after a dropped one of 100 megapixels does not wait for it", async () => {
    const order = await opened.page.evaluate(async (base64) => {
      const { library, bytesOf, classifier } = window;
      const huge = await (await fetch("huge.png")).arrayBuffer();
      // Decodes the same picture without being dropped: what waited for such a decode comes after it.
      const other = await library.createClassifier({ model: "tiny" });
      const order: string[] = [];
      const control = new AbortController();
      const dropped = classifier
        .classify(huge, { signal: control.signal })
        .catch((error) => order.push(error.name));
      const whole = other.classify(huge).then(({ picture }) => order.push(`huge ${picture.width}`));
      // Until the decode is in progress.
      await new Promise((resolve) => setTimeout(resolve, 200));
      control.abort();
      const small = classifier.classify(bytesOf(base64)).then(() => order.push("small"));
      await Promise.all([dropped, whole, small]);
      other.dispose();
      return order;
    }, SMALL);
    assert.equal(order, ["AbortError", "small", "huge 11600"]);
  });

  test("pictures that wait are dropped without harm to the one in progress and to those behind", async () => {
    const outcomes = await opened.page.evaluate(async (base64) => {
      const picture = window.bytesOf(base64);
      const controls = Array.from({ length: 12 }, () => new AbortController());
      const calls = controls.map(({ signal }) => window.classifier.classify(picture, { signal }));
      const outcomes = calls.map((call) =>
        call.then(
          ({ classes }) => classes[0]!.label,
          (error) => error,
        ),
      );
      await outcomes[0];
      for (const place of [4, 5, 9]) controls[place]!.abort(`no ${place}`);
      // A list and a signal that was aborted before.
      const late = await window.refusal(
        window.classifier.classify([picture], { signal: AbortSignal.abort(new RangeError("before")) }),
      );
      return [await Promise.all(outcomes), late] as const;
    }, SMALL);
    const [labels, late] = outcomes;
    for (const place of [4, 5, 9]) assert.is(labels[place], `no ${place}`);
    const answered = labels.filter((_, place) => ![4, 5, 9].includes(place));
    assert.is(new Set(answered).size, 1);
    assert.equal(late, ["RangeError", "before"]);
  });

  test("a fetched picture is dropped with its request", async () => {
    const refusal = opened.page.evaluate(async () => {
      const control = new AbortController();
      addEventListener("stop-fetch", () => control.abort(), { once: true });
      return window.refusal(window.classifier.classify("held/picture.jpg", { signal: control.signal }));
    });
    await until(() => held.has("/held/picture.jpg"));
    const response = held.get("/held/picture.jpg")!;
    const closed = new Promise<void>((resolve) => response.on("close", resolve));
    await opened.page.evaluate(() => dispatchEvent(new Event("stop-fetch")));
    assert.is((await refusal)[1].includes("aborted"), true);
    await closed;
  });

  test("dispose in the middle of a decode rejects what is in progress and ends both workers", async () => {
    const refusals = await opened.page.evaluate(async (base64) => {
      const { library, bytesOf, refusal } = window;
      const classifier = await library.createClassifier({ model: "tiny" });
      const huge = await (await fetch("huge.png")).arrayBuffer();
      const calls = [refusal(classifier.classify(huge)), refusal(classifier.classify([bytesOf(base64)]))];
      await new Promise((resolve) => setTimeout(resolve, 100));
      classifier.dispose();
      classifier.dispose();
      return Promise.all([...calls, refusal(classifier.classify(bytesOf(base64)))]);
    }, SMALL);
    assert.equal(
      refusals.map(([code]) => code),
      ["usage/disposed", "usage/disposed", "usage/disposed"],
    );
    await until(areIdle);
  });

  test("outside a browser the error says what to use", async () => {
    const { createClassifier } = await import("../../client/browser/index.js");
    try {
      await createClassifier({ model: "https://127.0.0.1/tiny" });
      assert.unreachable();
    } catch (error) {
      assert.is((error as { code?: string }).code, "usage/browser");
      assert.match((error as Error).message, /vitrine\/runtime/);
    }
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
