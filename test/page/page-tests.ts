// Page tests: `vitrine client` with a tiny model and a Chromium that looks at it, for the files of this folder.

import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { findChromium, launchChromium } from "../browser/chromium.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel } from "../inference/tiny-model.js";

/** A camera that shows Chromium's test pattern, and the permission to use it. */
const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

export interface PageTools {
  /** A page of its own, whose model is ready. Options are those of a browser context. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** Exceptions of all pages, and what they wrote to the console as an error. */
  errors: string[];
}

/**
 * Registers what `register` does, and runs it; skipped where there is no Chromium. `config` is the model's, `flags` are
 * more of `vitrine client`.
 */
export function pageTests(
  register: (tools: PageTools) => void,
  config?: DeitConfig,
  flags: readonly string[] = [],
): void {
  const executable = findChromium();
  if (!executable) {
    console.log("skipped: needs chromium");
    return;
  }
  const tiny = makeTinyModel(config);
  let browser: Browser;
  let server: RunningCommand;
  let address: string;
  const errors: string[] = [];
  test.before(async () => {
    server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0", ...flags);
    [browser, address] = await Promise.all([launchChromium(executable, CAMERA), addressOf(server)]);
  });
  test.after(async () => {
    await browser?.close();
    server?.child.kill("SIGKILL");
    tiny.remove();
  });
  const open = async (options: BrowserContextOptions = {}) => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.goto(address);
    await page.waitForSelector("body[data-model=ready]");
    return page;
  };
  register({ open, errors });
  test.run();
}

export interface FileToDrop {
  name: string;
  bytes: Uint8Array;
  type?: string;
}

/** Drops files as a visitor does: drag events with real files. */
export async function dropFiles(page: Page, files: readonly FileToDrop[]): Promise<void> {
  const encoded = files.map(({ name, bytes, type = "" }) => ({
    name,
    type,
    base64: Buffer.from(bytes).toString("base64"),
  }));
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, encoded);
  for (const type of ["dragenter", "dragover", "drop"])
    await page.dispatchEvent("main", type, { dataTransfer: transfer });
}

/** Drops or pastes what has no file: type → text. */
export async function bringText(
  page: Page,
  event: "drop" | "paste",
  data: Readonly<Record<string, string>>,
): Promise<void> {
  await page.evaluate(
    ({ event, data }) => {
      const transfer = new DataTransfer();
      for (const [type, text] of Object.entries(data)) transfer.setData(type, text);
      const options = { bubbles: true, cancelable: true };
      document.body.dispatchEvent(
        event === "drop"
          ? new DragEvent("drop", { ...options, dataTransfer: transfer })
          : new ClipboardEvent("paste", { ...options, clipboardData: transfer }),
      );
    },
    { event, data },
  );
}

/** Waits until a picture of this name is on display and has a verdict, or has failed. */
export async function outcome(page: Page, state: "classified" | "failed", name: string): Promise<void> {
  await page.waitForFunction(
    ({ state, name }) =>
      document.body.dataset.photograph === state &&
      document.getElementById("file-name")?.textContent === name,
    { state, name },
  );
}

/** Waits until screen readers are told these words; fails with what they were told last. */
export async function announced(page: Page, words: RegExp): Promise<void> {
  const last = () => page.textContent("#announcement");
  for (let tries = 0; tries < 100 && !words.test((await last()) ?? ""); tries++)
    await page.waitForTimeout(50);
  assert.match((await last()) ?? "", words);
}

/** Presses Tab until the element with this id has the focus; fails after ten times. */
export async function tabTo(page: Page, id: string): Promise<void> {
  for (let press = 0; press < 10; press++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
  }
  assert.unreachable(`ten times Tab, and #${id} has no focus`);
}

/** Fails with what axe-core finds, and where the page scrolls sideways. */
export async function checkAccess(page: Page, state: string): Promise<void> {
  const found = await page.evaluate(`${axe.source}; axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join(" ")))`);
  assert.equal(found, [], state);
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok((wide ?? 0) <= (width ?? 0), `${state}: ${wide} of ${width} pixels`);
}
