// vitrine client --export: a folder that works below any path of a host that sends no headers, in Chromium.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runCommand } from "../inference/run-command.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium, launchChromium } from "./chromium.js";

const tiny = makeTinyModel();
const work = mkdtempSync(join(tmpdir(), "vitrine-site-"));
const site = join(work, "site");
/** As GitHub Pages has projects. */
const BELOW = "/owner/project/";

test.after(() => {
  tiny.remove();
  rmSync(work, { recursive: true });
});

async function exportTo(folder: string, ...more: string[]) {
  const command = runCommand("client", "--model", tiny.folder, "--export", folder, ...more);
  return { status: await command.ended, ...command.output() };
}

test("the folder holds the page, its models and nothing that only a server or a developer needs", async () => {
  const { status, stdout } = await exportTo(site, "--model", `other=${tiny.folder}`, "--dtype", "f16");
  assert.is(status, 0);
  assert.match(stdout, /site: \d+ files; weights \d+ kB|MB/);
  const files = readdirSync(site, { recursive: true }).map(String);
  for (const file of [
    "index.html",
    "models.json",
    "service-worker.js",
    "models/other/config.json",
    ".nojekyll",
  ])
    assert.ok(files.includes(file), file);
  assert.equal(
    files.filter((file) => /\.(map|br)$/.test(file)),
    [],
  );
  assert.match(readFileSync(join(site, "_headers"), "utf8"), /Cross-Origin-Embedder-Policy: require-corp/);
  const { models } = JSON.parse(readFileSync(join(site, "models.json"), "utf8"));
  assert.equal(
    models.map(({ name, dtype }: { name: string; dtype: string }) => [name, dtype]),
    [
      ["tiny", "float16"],
      ["other", "float16"],
    ],
  );
  assert.is(readFileSync(join(site, models[1].url, "model.safetensors")).length, models[1].bytes);
});

test("a folder that is not empty is refused before a model is read, and stays as it is", async () => {
  const full = join(work, "full");
  mkdirSync(full);
  writeFileSync(join(full, "kept.txt"), "kept");
  const { status, stderr } = await exportTo(full);
  assert.is(status, 1);
  assert.match(stderr, /file\/exists: --export .* not an empty folder/);
  assert.equal(readdirSync(full), ["kept.txt"]);
});

test("where the folder cannot be written there is nothing of it afterwards", async () => {
  const file = join(work, "file");
  writeFileSync(file, "");
  const { status, stderr } = await exportTo(join(file, "site"));
  assert.is(status, 1);
  assert.match(stderr, /file\/unwritable: --export/);
  assert.equal(readdirSync(work).sort(), ["file", "full", "site"]);
});

test("an empty folder is filled", async () => {
  const empty = join(work, "empty");
  mkdirSync(empty);
  assert.is((await exportTo(empty)).status, 0);
  assert.ok(existsSync(join(empty, "index.html")));
});

/** Serves `folder` below BELOW, as a host of static files does. */
async function host(folder: string, requested: string[]): Promise<Server> {
  const serve = sirv(folder, { dev: true, dotfiles: true });
  const server = createServer((request, response) => {
    requested.push(request.url ?? "");
    if (!request.url?.startsWith(BELOW)) return void response.writeHead(404).end();
    request.url = request.url.slice(BELOW.length - 1);
    serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function worksBelowAPath(executable: string): Promise<void> {
  const requested: string[] = [];
  const server = await host(site, requested);
  const browser = await launchChromium(executable);
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${BELOW}`);
    // The page reloads itself once, when its service worker can send the headers that the host does not.
    await page.waitForFunction(() => crossOriginIsolated);
    await page.waitForSelector("body[data-model=ready]");
    const picture = { name: "waves.jpg", mimeType: "image/jpeg", buffer: wavesJpeg(3) };
    await page.setInputFiles("#file", picture);
    await page.waitForSelector("body[data-photograph=classified]");
    assert.equal(errors, []);
    assert.equal(
      requested.filter((path) => !path.startsWith(BELOW)),
      [],
    );
    const violated = await page.evaluate(() => {
      const violation = new Promise<string>((resolve) =>
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective)),
      );
      document.body.append(
        Object.assign(document.createElement("script"), { textContent: "document.title = 1" }),
      );
      return violation;
    });
    assert.match(violated, /^script-src/);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

const executable = findChromium();
if (executable)
  test("below a path and without headers the page is isolated, classifies, and asks for nothing else", () =>
    worksBelowAPath(executable));
else console.log("skipped: needs chromium");

test.run();
