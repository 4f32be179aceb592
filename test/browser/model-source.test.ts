// Sources of models in a page: what is downloaded, resumed, compared, kept and refused.

import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findChromium, launchChromium } from "./chromium.js";
import { type ServedFile, serveWeights, sha256, type WeightsServer } from "./weights-server.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));
const MIB = 2 ** 20;
/** Longer than two parts of the store, and no multiple of them. */
const WEIGHTS = Uint8Array.from({ length: 9 * MIB + 123 }, (_, place) => (place * 2_654_435_761) >>> 13);
const TEXT = new TextEncoder().encode('{ "model_type": "deit" }');
const WEIGHTS_PATH = "/m/model.safetensors";

let server: WeightsServer;
let browser: Browser;
let context: BrowserContext;
let page: Page;

type Source = typeof import("../../runtime/host/browser-source.js");

declare global {
  interface Window {
    source: Source;
    store: typeof import("../../runtime/host/browser-store.js");
    controller: AbortController;
    loaded: number;
  }
}

interface Read {
  /** SHA-256 of the weights; the error's code and text where they could not be read. */
  sha256?: string;
  failure?: string;
  length?: number;
  facts?: import("../../runtime/host/browser-source.js").DownloadFacts;
  progress: number[];
  milliseconds: number;
}

/** Reads config.json and the weights of the model at `address`, as loading does. */
function read(address: string, options: { cache?: boolean; sha256?: string } = {}): Promise<Read> {
  return page.evaluate(
    async ([address, options]) => {
      const start = performance.now();
      const progress: number[] = [];
      window.controller = new AbortController();
      const source = window.source.urlModelSource(
        address,
        ({ loaded }) => progress.push((window.loaded = loaded)),
        {
          ...options,
          signal: window.controller.signal,
        },
      );
      const milliseconds = () => performance.now() - start;
      try {
        await source.read("config.json");
        const bytes = await source.read("model.safetensors");
        if (!bytes)
          return {
            failure: source.missing?.("model.safetensors") ?? "",
            progress,
            milliseconds: milliseconds(),
          };
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
        await source.kept;
        return {
          sha256: hex,
          length: bytes.length,
          facts: source.facts,
          progress,
          milliseconds: milliseconds(),
        };
      } catch (error) {
        const { code, name, message } = error as { code?: string; name: string; message: string };
        return { failure: `${code ?? name}: ${message}`, progress, milliseconds: milliseconds() };
      }
    },
    [new URL(address, server.origin).href, options] as const,
  );
}

function serve(more: Partial<ServedFile> = {}): ServedFile {
  const file = { bytes: WEIGHTS, etag: '"one"', ...more };
  server.files.set(WEIGHTS_PATH, file);
  server.log.length = 0;
  return file;
}

const requests = (path = WEIGHTS_PATH) => server.log.filter((line) => line.includes(` ${path}`));
const loaded = (bytes: number) =>
  page.waitForFunction((bytes) => window.loaded === bytes, bytes, { polling: 20 });
const clear = () => page.evaluate(() => window.store.clearCache());

async function openPage(): Promise<void> {
  page = await context.newPage();
  await page.goto(server.origin);
  await page.evaluate(async (origin) => {
    window.source = await import(`${origin}/runtime/host/browser-source.js`);
    window.store = await import(`${origin}/runtime/host/browser-store.js`);
  }, server.origin);
}

function registerTests(executable: string): void {
  test.before(async () => {
    const dist = sirv(DIST, { dev: true });
    server = await serveWeights((request, response) => {
      const none = () => void response.writeHead(404, { "Content-Type": "text/plain" }).end("none");
      if (request.url === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
      else if (request.url?.startsWith("/spa/"))
        response.setHeader("Content-Type", "text/html; charset=utf-8").end("<!doctype html>");
      else dist(request, response, none);
    });
    server.files.set("/m/config.json", { bytes: TEXT, type: "application/json", etag: '"config"' });
    browser = await launchChromium(executable);
    context = await browser.newContext();
    await openPage();
  });

  test.before.each(async () => {
    serve();
    await clear();
    await page.evaluate(() => (window.loaded = 0));
  });

  test.after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("a connection that is cut twice is continued at the byte where it ended", async () => {
    const file = serve({ stopsAt: 3 * MIB });
    const reading = read("/m");
    await loaded(3 * MIB);
    file.stopsAt = 5 * MIB;
    server.cut();
    await loaded(5 * MIB);
    delete file.stopsAt;
    server.cut();
    const { sha256: found, progress, facts } = await reading;
    assert.is(found, sha256(WEIGHTS));
    const ranges = requests().filter((line) => line.startsWith("GET"));
    assert.equal(ranges, [
      `GET ${WEIGHTS_PATH}`,
      `GET ${WEIGHTS_PATH} bytes=${3 * MIB}-`,
      `GET ${WEIGHTS_PATH} bytes=${5 * MIB}-`,
    ]);
    assert.equal(facts, { bytes: WEIGHTS.length, fromCache: false, verified: false });
    assert.equal(
      progress,
      [...progress].sort((one, other) => one - other),
    );
    assert.is(progress.at(-1), WEIGHTS.length);
  });

  test("without ranges, or with another version behind the cut, the download begins again", async () => {
    const other = WEIGHTS.map((byte) => byte ^ 1);
    for (const after of [{ noRanges: true }, { bytes: other, etag: '"two"' }]) {
      const file = serve({ stopsAt: 3 * MIB });
      const reading = read("/m");
      await loaded(3 * MIB);
      Object.assign(file, after, { stopsAt: undefined });
      server.cut();
      assert.is((await reading).sha256, sha256(file.bytes));
      await clear();
    }
  });

  test("a server that cuts at the same byte every time is given up, with the byte and the address", async () => {
    serve({ cutsAt: 1000, noRanges: true });
    const { failure, milliseconds } = await read("/m");
    assert.match(
      failure ?? "",
      /^network\/cut: http:.*model\.safetensors: the connection was cut at byte \d+ of 9437307/,
    );
    assert.ok(milliseconds < 15_000, `${milliseconds} ms`);
  });

  test("a second visit asks for the version only, and a new version is downloaded", async () => {
    await read("/m");
    server.log.length = 0;
    const again = await read("/m");
    assert.is(again.sha256, sha256(WEIGHTS));
    assert.equal(again.facts, { bytes: 0, fromCache: true, verified: false });
    assert.equal(requests(), [`HEAD ${WEIGHTS_PATH}`]);
    assert.equal(requests("/m/config.json"), ["GET /m/config.json"]);
    const other = WEIGHTS.map((byte) => byte ^ 7);
    serve({ bytes: other, etag: '"two"' });
    assert.is((await read("/m")).sha256, sha256(other));
    assert.is((await read("/m")).sha256, sha256(other));
  });

  test("a page that is closed in the middle of a download continues it at its next visit", async () => {
    const file = serve({ stopsAt: 9 * MIB });
    const reading = read("/m").catch(() => {});
    const stored = () =>
      page.evaluate(async () => {
        const cache = await caches.open("vitrine-weights");
        return (await cache.keys()).filter(({ url }) => /\/[01]$/.test(url)).length;
      });
    while ((await stored()) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await page.close();
    await reading;
    await openPage();
    delete file.stopsAt;
    server.log.length = 0;
    const { sha256: found, facts } = await read("/m");
    assert.is(found, sha256(WEIGHTS));
    assert.equal(requests(), [`GET ${WEIGHTS_PATH} bytes=${8 * MIB}-`]);
    assert.is(facts?.bytes, MIB + 123);
  });

  test("two loads at the same time, as of a component that is mounted twice, cost one download", async () => {
    const [one, other] = await Promise.all([read("/m"), read("/m")]);
    assert.equal([one.sha256, other.sha256], [sha256(WEIGHTS), sha256(WEIGHTS)]);
    assert.is(requests().filter((line) => line.startsWith("GET")).length, 1);
  });

  test("a checksum that is known is compared, and a file that differs is not kept", async () => {
    const right = await read("/m", { sha256: sha256(WEIGHTS) });
    assert.is(right.facts?.verified, true);
    server.log.length = 0;
    assert.is((await read("/m", { sha256: sha256(WEIGHTS) })).facts?.fromCache, true);
    // What a checksum names cannot have changed.
    assert.equal(requests(), []);
    serve({ bytes: WEIGHTS.map((byte, place) => (place === 5 * MIB ? byte ^ 1 : byte)) });
    await clear();
    const wrong = await read("/m", { sha256: sha256(WEIGHTS) });
    assert.match(
      wrong.failure ?? "",
      /^weights\/checksum: http:.*model\.safetensors: its SHA-256 is .*expected/,
    );
    serve();
    assert.is((await read("/m", { sha256: sha256(WEIGHTS) })).sha256, sha256(WEIGHTS));
    const base64 = Buffer.from(sha256(WEIGHTS), "hex").toString("base64");
    await clear();
    serve({ headers: { "Repr-Digest": `sha-256=:${base64}:` } });
    assert.is((await read("/m")).facts?.verified, true);
  });

  test("a first part that was damaged on the disk is replaced by the server's", async () => {
    const file = serve({ stopsAt: 9 * MIB });
    const reading = read("/m", { sha256: sha256(WEIGHTS) });
    const damaged = await page.evaluate(async () => {
      const cache = await caches.open("vitrine-weights");
      while (true) {
        const key = (await cache.keys()).find(({ url }) => url.endsWith("/1"));
        const first = (await cache.keys()).find(({ url }) => url.endsWith("/0"));
        if (key && first) {
          await cache.put(first, new Response(new Uint8Array(4 * 2 ** 20)));
          window.controller.abort();
          return true;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    assert.ok(damaged);
    await reading;
    delete file.stopsAt;
    assert.is((await read("/m", { sha256: sha256(WEIGHTS) })).sha256, sha256(WEIGHTS));
  });

  test("an abort ends the request, and rejects with the signal's reason", async () => {
    serve({ stopsAt: 2 * MIB });
    const reading = read("/m");
    while (requests().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await page.evaluate(() => window.controller.abort(new Error("the visitor left")));
    const { failure } = await reading;
    assert.is(failure, "Error: the visitor left");
    while (!server.log.includes(`closed ${WEIGHTS_PATH}`))
      await new Promise((resolve) => setTimeout(resolve, 10));
  });

  test("what is no file is refused with address, status and content type", async () => {
    assert.match(
      (await read("/nowhere/")).failure ?? "",
      /^http:.*\/nowhere\/model\.safetensors: the server answered 404 \(text\/plain\)$/,
    );
    assert.match(
      (await read("/spa/m")).failure ?? "",
      /^http:.*\/spa\/m\/model\.safetensors: the server answered 200 \(text\/html; charset=utf-8\)$/,
    );
    server.files.set("/gone/model.safetensors", {
      bytes: WEIGHTS,
      headers: { "Content-Length": "5000000000" },
    });
  });

  test("where the browser has no room, the model loads and is not kept", async () => {
    await page.evaluate((quota) => {
      navigator.storage.estimate = async () => ({ quota, usage: 0 });
    }, 20 * MIB);
    const { sha256: found, facts } = await read("/m");
    await page.evaluate(() => Reflect.deleteProperty(navigator.storage, "estimate"));
    assert.is(found, sha256(WEIGHTS));
    assert.match(facts?.notKept ?? "", /no room/);
    const full = await read("/m", { cache: false });
    assert.equal(full.facts, { bytes: WEIGHTS.length, fromCache: false, verified: false });
  });

  test("weights are there before they are kept, and may be freed once they are", async () => {
    const whenRead = await page.evaluate(async (address) => {
      const { put } = Cache.prototype;
      let allow = () => {};
      const allowed = new Promise<void>((resolve) => (allow = resolve));
      Cache.prototype.put = async function (key, response) {
        if (/[0-9]$/.test(String(key))) await allowed;
        return put.call(this, key, response);
      };
      try {
        const source = window.source.urlModelSource(address);
        const bytes = (await source.read("model.safetensors")) as Uint8Array<ArrayBuffer>;
        const before = await Promise.race([source.kept.then(() => "kept"), "not kept"]);
        allow();
        await source.kept;
        structuredClone(null, { transfer: [bytes.buffer] });
        return before;
      } finally {
        Cache.prototype.put = put;
      }
    }, new URL("/m", server.origin).href);
    assert.is(whenRead, "not kept");
    const { sha256: found, facts } = await read("/m");
    assert.equal([found, facts?.fromCache], [sha256(WEIGHTS), true]);
  });

  test("without a network the model is what it was at the last visit, and clearCache removes it", async () => {
    await read("/m");
    await context.setOffline(true);
    try {
      const offline = await read("/m");
      assert.is(offline.sha256, sha256(WEIGHTS));
      assert.ok(offline.milliseconds < 5000, `${offline.milliseconds} ms`);
      await clear();
      assert.match((await read("/m")).failure ?? "", /^network\/unreachable: http:.*config\.json: no answer/);
    } finally {
      await context.setOffline(false);
    }
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: needs chromium");
