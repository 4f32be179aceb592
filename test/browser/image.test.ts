// Image module in a page's worker: `vitrine/image` straight from dist/ makes the same bytes there as in Node.

import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import {
  createImageModule,
  DEIT_RECIPE,
  decode,
  drawSample,
  evaluationInput,
  type ImageModule,
  isVitrineError,
  readHeader,
  trainingInput,
} from "../../runtime/image/index.js";
import { FIXTURES, fixture, fixtureRows } from "../image/jpeg-fixtures.js";
import { findChromium, launchChromium } from "./chromium.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));
const SIZE = 64;

/** The worker's script: for each file the SHA-256 of its pixels, or the code of the error. */
const WORKER = `
import { createImageModule, DEIT_RECIPE, decode, drawSample, evaluationInput, isVitrineError, readHeader, trainingInput }
  from "/runtime/image/index.js";
import { browserHost } from "/runtime/host/browser.js";

const host = browserHost(new URL("/", location.href));
const module = await createImageModule(host);

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function decoded(file) {
  try {
    return await sha256(decode(module, file).data);
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
}

function sample(file, seed) {
  const recipe = { ...DEIT_RECIPE, size: ${SIZE}, eraseProbability: 1 };
  const key = { seed, epoch: 0, index: 0, repeat: 0 };
  const draw = drawSample(module.math, key, readHeader(module, file), recipe);
  return trainingInput(module, file, draw, { size: ${SIZE} });
}

const read = async (name) => new Uint8Array(await (await fetch("/fixtures/" + name)).arrayBuffer());

onmessage = async ({ data: { names, trained } }) => {
  const hashes = [];
  for (const name of names) hashes.push(await decoded(await read(name)));
  const file = await read(trained);
  const samples = [];
  for (let seed = 0; seed < 20; seed++) samples.push(await sha256(sample(file, seed)));
  const evaluated = await sha256(evaluationInput(module, file, { size: ${SIZE}, cropRatio: 0.875 }));
  postMessage({ hashes, samples, evaluated });
};
postMessage("ready");
`;

interface Answer {
  hashes: string[];
  samples: string[];
  evaluated: string;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function inNode(module: ImageModule, file: Uint8Array): string {
  try {
    return sha256(decode(module, file).data);
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
}

function samplesInNode(module: ImageModule, file: Uint8Array): string[] {
  const recipe = { ...DEIT_RECIPE, size: SIZE, eraseProbability: 1 };
  const header = readHeader(module, file);
  return Array.from({ length: 20 }, (_, seed) => {
    const draw = drawSample(module.math, { seed, epoch: 0, index: 0, repeat: 0 }, header, recipe);
    return sha256(trainingInput(module, file, draw, { size: SIZE }));
  });
}

let server: Server;
let browser: Browser;
let page: Page;

async function start(executable: string): Promise<void> {
  const [dist, fixtures] = [sirv(DIST, { dev: true }), sirv(FIXTURES, { dev: true })];
  server = createServer((request, response) => {
    const none = () => void response.writeHead(404).end();
    if (request.url === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
    else if (request.url === "/worker.js") response.setHeader("Content-Type", "text/javascript").end(WORKER);
    else if (request.url?.startsWith("/fixtures/")) {
      request.url = request.url.slice("/fixtures".length);
      fixtures(request, response, none);
    } else dist(request, response, none);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await launchChromium(executable);
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** The worker's results for the files. */
function inWorker(names: string[], trained: string): Promise<Answer> {
  return page.evaluate(
    (asked) =>
      new Promise<Answer>((resolve, reject) => {
        const worker = new Worker("/worker.js", { type: "module" });
        worker.onerror = ({ message }) => reject(new Error(message || "the worker did not start"));
        worker.onmessage = ({ data }) => (data === "ready" ? worker.postMessage(asked) : resolve(data));
      }),
    { names, trained },
  );
}

function registerTests(executable: string): void {
  test.before(() => start(executable));
  test.after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
  });

  test("a page's worker decodes every fixture as Node does", async () => {
    const module = await createImageModule(nodeHost());
    const names = fixtureRows().map(({ file }) => file);
    const trained = "420_shapes.jpg";
    const answer = await inWorker(names, trained);
    names.forEach((name, i) => {
      assert.is(answer.hashes[i], inNode(module, fixture(name.slice(0, -4))), name);
    });
    const file = fixture(trained.slice(0, -4));
    assert.equal(answer.samples, samplesInNode(module, file));
    assert.is(new Set(answer.samples).size, answer.samples.length);
    assert.is(answer.evaluated, sha256(evaluationInput(module, file, { size: SIZE, cropRatio: 0.875 })));
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: needs chromium");
