// The page on a bad network, without one, and after an update: the service worker in Chromium.

import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createPageHandler } from "../../server/page/page-handler.js";
import { openPageModels, type PageModel } from "../../server/page/page-models.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium, launchChromium } from "./chromium.js";

const APP = fileURLToPath(new URL("../../app", import.meta.url));
const tiny = makeTinyModel();
const work = mkdtempSync(join(tmpdir(), "vitrine-offline-"));
let browser: Browser;

const MODEL: PageModel = {
  name: "tiny",
  dtype: "float32",
  parameters: 1,
  imageSize: 32,
  classes: 5,
  weights: readFileSync(tiny.file),
  config: readFileSync(join(tiny.folder, "config.json"), "utf8"),
};

/** A site on one address, whose page can be another one from the next request on. */
class Site {
  readonly requested: string[] = [];
  /** Whether nothing of it answers. */
  down = false;
  /** Whether the next download of the weights ends in the middle. */
  cuts = false;
  /** Ranges of the weights that were asked for. */
  readonly ranges: (string | undefined)[] = [];
  /** In place of the page's own. */
  serviceWorker: string | undefined;
  readonly #server: Server;
  #handler: ReturnType<typeof createPageHandler> | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      if (this.down) return void request.socket.destroy();
      this.requested.push(request.url ?? "");
      if (this.serviceWorker !== undefined && request.url === "/service-worker.js")
        return void response.setHeader("Content-Type", "text/javascript").end(this.serviceWorker);
      if (request.url?.endsWith("/model.safetensors")) {
        this.ranges.push(request.headers.range);
        if (this.cuts) this.#cut(response);
      }
      this.#handler?.(request, response, () => response.writeHead(404).end());
    });
  }

  /** Sends half of what is to be sent, and then resets the connection. */
  #cut(response: ServerResponse): void {
    this.cuts = false;
    response.end = ((body: Uint8Array) => {
      response.write(body.subarray(0, body.length >> 1));
      setTimeout(() => response.destroy(), 200);
      return response;
    }) as typeof response.end;
  }

  async show(app: string): Promise<void> {
    const { files } = await openPageModels([MODEL]);
    this.#handler = createPageHandler(app, files);
    if (!this.#server.listening)
      await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Another version of the page: another title, and where `script`, a script of another name. */
function nextVersion(script = true): string {
  const folder = mkdtempSync(join(work, "next-"));
  cpSync(APP, folder, { recursive: true });
  const html = join(folder, "index.html");
  let text = readFileSync(html, "utf8").replace("<title>Vitrine", "<title>Vitrine next");
  if (script) {
    const [name = ""] = readdirSync(join(folder, "assets")).filter(
      (file) => text.includes(`${file}"`) && /\.js$/.test(file),
    );
    const other = name.replace(/-[\w-]{8}\.js$/, "-NEXTNEXT.js");
    assert.is.not(other, name);
    renameSync(join(folder, "assets", name), join(folder, "assets", other));
    text = text.replaceAll(name, other);
  }
  writeFileSync(html, text);
  for (const copy of readdirSync(folder)) if (/\.(br|gz)$/.test(copy)) rmSync(join(folder, copy));
  return folder;
}

const ready = (page: Page) => page.waitForSelector("body[data-model=ready]");

async function visit(context: BrowserContext, site: Site): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.address);
  await ready(page);
  return page;
}

function registerTests(executable: string): void {
  let site: Site;
  let context: BrowserContext;
  test.before(async () => {
    browser = await launchChromium(executable);
  });
  test.before.each(async () => {
    site = new Site();
    await site.show(APP);
    context = await browser.newContext();
  });
  test.after.each(async () => {
    await context.close();
    site.close();
  });
  test.after(async () => {
    await browser?.close();
    tiny.remove();
    rmSync(work, { recursive: true });
  });

  test("after one visit the page opens and classifies where the site does not answer any more", async () => {
    const page = await visit(context, site);
    await page.waitForSelector("body[data-offline=ready]");
    site.down = true;
    const answer = await page.reload();
    assert.is(answer?.fromServiceWorker(), true);
    assert.is(await page.textContent("h1"), "Vitrine");
    assert.is(await page.evaluate(() => crossOriginIsolated), true);
    const list = await page.evaluate(async () => (await fetch("./models.json")).json());
    assert.is(list.models[0].name, "tiny");
    // The library has kept the model.
    await ready(page);
    await page.setInputFiles("#file", { name: "waves.jpg", mimeType: "image/jpeg", buffer: wavesJpeg(3) });
    await page.waitForSelector("body[data-photograph=classified]");
  });

  test("a download of the weights that is cut continues where it ended", async () => {
    site.cuts = true;
    await visit(context, site);
    assert.is(site.ranges.length, 2);
    assert.equal([site.ranges[0], /^bytes=[1-9]\d*-/.test(site.ranges[1] ?? "")], [undefined, true]);
  });

  test("a later visit asks the site for models only, and whether there is another version", async () => {
    const page = await visit(context, site);
    await page.waitForSelector("body[data-offline=ready]");
    site.requested.length = 0;
    await page.reload();
    await ready(page);
    const others = site.requested.filter((path) => !/^\/(models|service-worker\.js)/.test(path));
    assert.equal(others, []);
  });

  test("another version announces itself, changes nothing until the visitor wants it, and then all of the page", async () => {
    const page = await visit(context, site);
    await page.waitForSelector("body[data-offline=ready]");
    await page.reload();
    await ready(page);
    await site.show(nextVersion());
    site.requested.length = 0;
    await page.reload();
    assert.is(await page.title(), "Vitrine");
    await page.getByText("A new version of this page is ready.").waitFor();
    assert.is(await page.title(), "Vitrine");
    // A page of the old version goes on with its own files, which the site does not have any more.
    const [own] = await page.evaluate(() => [...document.scripts].map(({ src }) => src));
    assert.is(await page.evaluate(async (url) => (await fetch(url ?? "")).status, own), 200);
    const other = await visit(context, site);
    assert.is(await other.title(), "Vitrine");
    await page.click("#update");
    await page.waitForFunction(() => document.title === "Vitrine next");
    await ready(page);
    assert.match((await page.evaluate(() => document.scripts[0]?.src)) ?? "", /NEXTNEXT/);
    // The other one is still a page of the old version, under the new worker.
    assert.is(await other.title(), "Vitrine");
    assert.is(await other.evaluate(async (url) => (await fetch(url ?? "")).status, own), 200);
    assert.not.ok(site.requested.some((path) => own?.endsWith(path) && path.startsWith("/assets/")));
    assert.is(await page.getByText("A new version of this page is ready.").count(), 0);
  });

  test("a version whose files do not belong together is not used", async () => {
    const page = await visit(context, site);
    await page.waitForSelector("body[data-offline=ready]");
    // As on a host that is in the middle of a deployment: the list is of the next version, index.html of the old one.
    const next = new Site();
    await next.show(nextVersion(false));
    site.serviceWorker = await (await fetch(`${next.address}service-worker.js`)).text();
    next.close();
    const outcome = await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      await registration.update();
      const worker = registration.installing;
      await new Promise<void>((resolve) => {
        if (!worker || worker.state === "redundant") resolve();
        worker?.addEventListener("statechange", () => worker.state === "redundant" && resolve());
      });
      return registration.waiting === null && worker !== null;
    });
    assert.is(outcome, true);
    await page.reload();
    assert.is(await page.title(), "Vitrine");
  });

  test("the page can be installed: its manifest has a name, a start and icons that exist", async () => {
    const page = await visit(context, site);
    const manifest = await page.evaluate(async () => {
      const link = document.querySelector<HTMLLinkElement>("link[rel=manifest]");
      const response = await fetch(link?.href ?? "");
      return { type: response.headers.get("content-type"), url: response.url, json: await response.json() };
    });
    assert.is(manifest.type, "application/manifest+json");
    assert.equal([manifest.json.name, manifest.json.display], ["Vitrine", "standalone"]);
    for (const { src, sizes } of manifest.json.icons as { src: string; sizes: string }[]) {
      const side = await page.evaluate(async (address) => {
        const image = new Image();
        image.src = address;
        await image.decode();
        return image.naturalWidth;
      }, new URL(src, manifest.url).href);
      if (sizes !== "any") assert.is(sizes, `${side}x${side}`, src);
    }
    const session = await context.newCDPSession(page);
    const { errors } = (await session.send("Page.getAppManifest")) as { errors: unknown[] };
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
