// Library page: an empty page in Chromium with `vitrine/browser` straight from dist/, and a site to load models from.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import type { Classifier } from "../../client/browser/index.js";
import { launchChromium } from "./chromium.js";

/** Tests run from dist/test/browser. */
const DIST = fileURLToPath(new URL("../../", import.meta.url));

declare global {
  interface Window {
    library: typeof import("../../client/browser/index.js");
    classifier: Classifier;
    /** base64 → bytes. */
    bytesOf(base64: string): Uint8Array<ArrayBuffer>;
    /** Code, or name where there is none, and text of the error that a promise was rejected with. */
    refusal(promise: Promise<unknown>): Promise<[code: string, text: string]>;
  }
}

export interface LibraryPageOptions {
  executable: string;
  /** Folder of models and pictures. */
  site: string;
  headers?: Readonly<Record<string, string>>;
  flags?: readonly string[];
  /** Called first; true where it has answered, or will. */
  answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface LibraryPage {
  page: Page;
  browser: Browser;
  address: string;
  /** Paths in the order in which they were asked for. */
  requested: string[];
  close(): Promise<void>;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Waits until it is so, for 6,000 turns of 10 ms. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn === 6000) throw new Error("nothing happens");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function openLibraryPage(options: LibraryPageOptions): Promise<LibraryPage> {
  const { executable, site, headers = {}, flags = [], answer = () => false } = options;
  const [dist, files] = [sirv(DIST, { dev: true }), sirv(site, { dev: true })];
  const requested: string[] = [];
  const server = createServer((request, response) => {
    requested.push(request.url ?? "");
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (answer(request, response)) return;
    if (request.url === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
    else files(request, response, () => dist(request, response, () => void response.writeHead(404).end()));
  });
  const address = await listen(server);
  const browser = await launchChromium(executable, flags);
  const page = await browser.newPage();
  page.setDefaultTimeout(150_000);
  await page.goto(address);
  await page.evaluate(async () => {
    window.bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    window.refusal = (promise) =>
      promise.then(
        () => ["", "nothing was refused"],
        (error) => [error.code || error.name, error.message],
      );
    window.library = await import(new URL("/client/browser/index.js", location.href).href);
  });
  const close = async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  };
  return { page, browser, address, requested, close };
}
