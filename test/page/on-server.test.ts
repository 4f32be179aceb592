// On the server: the page of an inference server lets it compute, with a token that the visitor enters; the file stays in
// the page.

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { findChromium, launchChromium } from "../browser/chromium.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { checkAccess, dropFiles, outcome } from "./page-tests.js";

const SERVE = [
  "serve",
  "--device",
  "wasm",
  "--threads",
  "1",
  "--listen",
  "127.0.0.1:0",
  "--http",
  "127.0.0.1:0",
];
const JPEG = wavesJpeg(2);
const tiny = makeTinyModel();
let browser: Browser;
/** The most probable class in Node. */
let best: string;
const servers: RunningCommand[] = [];

async function open(...flags: string[]): Promise<Page> {
  const server = runCommand(...SERVE, "--model", tiny.folder, "--page", ...flags);
  servers.push(server);
  await addressOf(server);
  const [, address = ""] = /^http on (\S+)$/m.exec(server.output().stdout) ?? [];
  const page = await (await browser.newContext()).newPage();
  await page.goto(address);
  return page;
}

const enterToken = async (page: Page, token: string) => {
  await page.getByLabel("Token of this server").fill(token);
  await page.getByRole("button", { name: "Use", exact: true }).click();
};

function registerTests(executable: string): void {
  test.before(async () => {
    browser = await launchChromium(executable);
    const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
    const model = await loadModel(runtime, nodeModelSource(tiny.folder), { batchSizes: [1] });
    best = (await model.classify([JPEG]))[0]?.[0]?.label ?? "";
    model.dispose();
    await runtime.dispose();
  });
  test.after(async () => {
    await browser?.close();
    for (const { child } of servers) child.kill("SIGKILL");
    tiny.remove();
  });

  test("a server with tokens computes for those who enter one, which is kept nowhere", async () => {
    const tokens = join(dirname(tiny.folder), "tokens.txt");
    writeFileSync(tokens, "open-sesame-open-sesame\n", { mode: 0o600 });
    const page = await open("--token-file", tokens);
    await page.waitForSelector("body[data-model=failed]");
    assert.match((await page.textContent("main")) ?? "", /This server asks for a token\./);
    await page.getByRole("button", { name: "Model and device" }).click();
    assert.is(await page.getByLabel("Weights", { exact: true }).count(), 0);
    await checkAccess(page, "token");
    await enterToken(page, "guessed-guessed-guessed");
    await page.waitForSelector("body[data-model=failed]");
    await enterToken(page, "open-sesame-open-sesame");
    await page.waitForSelector("body[data-model=ready][data-device=remote]");
    assert.match((await page.textContent("#facts")) ?? "", /Runs onserver/);
    await page.getByRole("button", { name: "Close" }).click();
    const sent: (string | null)[] = [];
    page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
    await dropFiles(page, [{ name: "a.jpg", bytes: JPEG }]);
    await outcome(page, "classified", "a.jpg");
    assert.ok(((await page.textContent("main")) ?? "").includes(best.split(",")[0] ?? "?"), best);
    assert.match(sent.join(), /\/v2\/models\/tiny%3Apixels\/infer$/);
    assert.match(
      (await page.textContent("#privacy-line")) ?? "",
      /32 × 32 pixels .* go to this page's server/,
    );
    const stored = await page.evaluate(() =>
      JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]),
    );
    assert.not.match(stored, /sesame/);
    await page.reload();
    await page.waitForSelector("body[data-model=failed]");
    await page.context().close();
  });

  test("without tokens a visitor chooses whether the browser or the server computes", async () => {
    const page = await open();
    await page.waitForSelector("body[data-model=ready][data-device=wasm]");
    assert.match((await page.textContent("#privacy-line")) ?? "", /^Pictures stay on this device/);
    await page.getByRole("button", { name: /tiny/ }).click();
    await page.getByRole("radio", { name: "Server" }).check({ force: true });
    await page.waitForSelector("body[data-model=ready][data-device=remote]");
    assert.is(await page.getByLabel("Token of this server").count(), 0);
    await page.getByRole("button", { name: "Close" }).click();
    await dropFiles(page, [{ name: "b.jpg", bytes: JPEG }]);
    await outcome(page, "classified", "b.jpg");
    assert.ok(((await page.textContent("main")) ?? "").includes(best.split(",")[0] ?? "?"), best);
    await page.context().close();
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
