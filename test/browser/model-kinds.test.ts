// What `createClassifier` takes as a model, in a page: folders, files, models of the Hub, and bytes; what is asked of the
// server for each, and how it is refused.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ClassifierOptions, ModelCard } from "../../client/browser/index.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { makeTinyModel, TINY_LABELS, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium, launchChromium } from "./chromium.js";
import { type ServedFile, serveWeights, sha256, type WeightsServer } from "./weights-server.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const tiny = makeTinyModel();
const weights = readFileSync(join(tiny.folder, "model.safetensors"));
const config = readFileSync(join(tiny.folder, "config.json"));

let server: WeightsServer;
let browser: Browser;
let page: Page;

type Library = typeof import("../../client/browser/index.js");

declare global {
  interface Window {
    kinds: { library: Library; files: Record<"weights" | "config" | "photo", Uint8Array<ArrayBuffer>> };
  }
}

interface Loaded {
  card?: ModelCard;
  best?: string;
  failure?: string;
}

/** Loads a model and classifies a photograph. `script`: the options, as an expression of the page. */
function load(script: string): Promise<Loaded> {
  return page.evaluate(async (script) => {
    const { library, files } = window.kinds;
    try {
      // The page of the test has no policy that would refuse it.
      const options = new Function("files", `return (${script})`)(files) as ClassifierOptions;
      const classifier = await library.createClassifier({ device: "wasm", ...options });
      const { classes } = await classifier.classify(files.photo, { topK: 1 });
      const { card } = classifier;
      // A download is kept after the load, by a worker that dispose ends.
      while ((await navigator.locks.query()).held?.length)
        await new Promise((resolve) => setTimeout(resolve, 10));
      classifier.dispose();
      return { card, best: classes[0]?.label };
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return { failure: `${code}: ${message}` };
    }
  }, script);
}

async function serveVariants(): Promise<void> {
  const stored = await readModel(nodeModelSource(tiny.folder));
  const offered: Record<string, object> = {};
  for (const dtype of ["float32", "float16", "int8"] as const) {
    const bytes = convertModel(stored, dtype).get("model.safetensors") as Uint8Array;
    const file = `model.${dtype}.safetensors`;
    server.files.set(`/variants/${file}`, { bytes, etag: `"${dtype}"` });
    offered[dtype] = { file, bytes: bytes.length, sha256: sha256(bytes) };
  }
  const text = JSON.stringify({ ...JSON.parse(config.toString()), weight_files: offered });
  server.files.set("/variants/config.json", { bytes: Buffer.from(text), type: "application/json" });
}

function serveHub(): void {
  const siblings = [
    { rfilename: "config.json", size: config.length },
    {
      rfilename: "model.safetensors",
      size: weights.length,
      lfs: { sha256: sha256(weights), size: weights.length },
    },
  ];
  const type = "application/json";
  const answer = Buffer.from(JSON.stringify({ sha: COMMIT, siblings }));
  server.files.set("/api/models/museum/tiny/revision/main", { bytes: answer, type });
  server.files.set(`/museum/tiny/resolve/${COMMIT}/config.json`, { bytes: config, type });
  server.files.set(`/museum/tiny/resolve/${COMMIT}/model.safetensors`, { bytes: weights });
}

function registerTests(executable: string): void {
  test.before(async () => {
    const dist = sirv(DIST, { dev: true });
    server = await serveWeights((request, response) => {
      const none = () => void response.writeHead(404, { "Content-Type": "text/plain" }).end("none");
      const path = request.url ?? "";
      if (path === "/") response.setHeader("Content-Type", "text/html").end("<title>blank</title>");
      else if (path.startsWith("/api/models/museum/secret/")) response.writeHead(401).end();
      else if (path.startsWith("/spa/"))
        response.setHeader("Content-Type", "text/html").end("<!doctype html>");
      else dist(request, response, none);
    });
    server.files.set("/tiny/model.safetensors", { bytes: weights, etag: '"w"' });
    server.files.set("/tiny/config.json", { bytes: config, type: "application/json", etag: '"c"' });
    await serveVariants();
    serveHub();
    browser = await launchChromium(executable);
    page = await browser.newPage();
    await page.goto(server.origin);
    await page.evaluate(
      async ([origin, ...base64]) => {
        const [weights, config, photo] = base64.map((text) =>
          Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)),
        );
        const library = await import(`${origin}/client/browser/index.js`);
        window.kinds = { library, files: { weights, config, photo } };
      },
      [server.origin, ...[weights, config, wavesJpeg(1)].map((bytes) => bytes.toString("base64"))],
    );
  });

  test.before.each(async () => {
    server.log.length = 0;
    await page.evaluate(() => window.kinds.library.clearCache());
  });

  test.after(async () => {
    await browser?.close();
    await server?.close();
    tiny.remove();
  });

  test("a folder, a .safetensors file with and without its folder, and bytes give the same answer", async () => {
    const kinds = [
      '{ model: "tiny" }',
      '{ model: new URL("/tiny/", location.href) }',
      '{ model: "tiny/model.safetensors" }',
      "{ model: { weights: files.weights, config: new TextDecoder().decode(files.config) } }",
      "{ model: { weights: new Blob([files.weights]), config: files.config } }",
      "{ model: { weights: files.weights.slice().buffer, config: JSON.parse(new TextDecoder().decode(files.config)) } }",
    ];
    const answers: Loaded[] = [];
    for (const kind of kinds) answers.push(await load(kind));
    for (const [place, { best, failure }] of answers.entries()) {
      assert.is(failure, undefined, kinds[place]);
      assert.is(best, answers[0]?.best, kinds[place]);
    }
    assert.equal(
      answers.map(({ card }) => card?.name),
      ["tiny", "tiny", "model", "model", "model", "model"],
    );
    const named = await load(
      '{ model: { weights: files.weights, config: files.config, labels: ["a", "b", "c", "d", "e"] } }',
    );
    assert.is(named.best, "abcde"[TINY_LABELS.indexOf(answers[0]?.best ?? "")]);
  });

  test("a load asks once for each file, also where the GPU that was asked for is not there", async () => {
    const { card } = await load('{ model: "tiny", device: "webgpu" }');
    assert.is(card?.device, "wasm");
    assert.ok(card?.fallback);
    assert.equal(server.log.sort(), ["GET /tiny/config.json", "GET /tiny/model.safetensors"]);
    assert.equal(card?.download, { bytes: weights.length, fromCache: false, verified: false });
    const again = await load('{ model: "tiny" }');
    assert.equal(again.card?.download, { bytes: 0, fromCache: true, verified: false });
  });

  test("weights that are given as bytes are compared with the caller's sha256", async () => {
    const bytes = "model: { weights: files.weights, config: files.config }";
    const { card } = await load(`{ ${bytes}, sha256: "${sha256(weights)}" }`);
    assert.equal(card?.download, { bytes: 0, fromCache: false, verified: true });
    const other = "0".repeat(64);
    assert.match(
      (await load(`{ ${bytes}, sha256: "${other}" }`)).failure ?? "",
      new RegExp(`^weights/checksum: model\\.weights: its SHA-256 is ${sha256(weights)}, expected ${other}`),
    );
  });

  test("a model of the Hub is that of the commit, compared with the Hub's checksum and kept", async () => {
    const hub = JSON.stringify(server.origin);
    const { card, failure } = await load(`{ model: "hf:museum/tiny", hub: ${hub} }`);
    assert.is(failure, undefined);
    assert.equal([card?.name, card?.labels], ["tiny", TINY_LABELS]);
    assert.equal(card?.download, { bytes: weights.length, fromCache: false, verified: true });
    server.log.length = 0;
    await load(`{ model: "hf:museum/tiny", hub: ${hub} }`);
    assert.equal(server.log, ["GET /api/models/museum/tiny/revision/main"]);
    const damaged = Buffer.from(weights).fill(0xff, 2000, 2100);
    server.files.set(`/museum/tiny/resolve/${COMMIT}/model.safetensors`, { bytes: damaged });
    await page.evaluate(() => window.kinds.library.clearCache());
    assert.match(
      (await load(`{ model: "hf:museum/tiny", hub: ${hub} }`)).failure ?? "",
      /^weights\/checksum: http:.*SHA/,
    );
    serveHub();
    for (const [reference, refusal] of [
      ["hf:museum/none", /^hub\/not-found: hf:museum\/none: http:.*404/],
      ["hf:museum/secret", /^hub\/unauthorized: hf:museum\/secret/],
      ["hf:museum", /^hub\/reference: "hf:museum"/],
    ] as const)
      assert.match(
        (await load(`{ model: ${JSON.stringify(reference)}, hub: ${hub} }`)).failure ?? "",
        refusal,
      );
  });

  test("of the files that config.json offers, the wanted format is downloaded and compared", async () => {
    for (const dtype of ["float16", "int8", "float32"]) {
      const { card } = await load(`{ model: "variants", dtype: "${dtype}" }`);
      assert.is(card?.dtype, dtype);
      assert.is(card?.download.verified, true);
    }
    const asked = server.log.filter((line) => line.includes("safetensors"));
    assert.equal(
      asked,
      ["float16", "int8", "float32"].map((dtype) => `GET /variants/model.${dtype}.safetensors`),
    );
    // A folder that was copied without them has model.safetensors still.
    server.files.set("/copied/config.json", server.files.get("/variants/config.json") as ServedFile);
    server.files.set("/copied/model.safetensors", { bytes: weights });
    const { card, failure } = await load('{ model: "copied", dtype: "int8" }');
    assert.equal([card?.dtype, failure], ["int8", undefined]);
    // Of one file, the wanted format is made.
    assert.is((await load('{ model: "tiny", dtype: "int8" }')).card?.dtype, "int8");
  });

  test("a sha256 that the page knows names the file of a folder that offers several, or is refused", async () => {
    const { weight_files } = JSON.parse(String(server.files.get("/variants/config.json")?.bytes));
    const { card, failure } = await load(`{ model: "variants", sha256: "${weight_files.int8.sha256}" }`);
    assert.equal([failure, card?.dtype, card?.download.verified], [undefined, "int8", true]);
    assert.equal(
      server.log.filter((line) => line.includes("safetensors")),
      ["GET /variants/model.int8.safetensors"],
    );
    server.files.set("/pinned/config.json", server.files.get("/variants/config.json") as ServedFile);
    server.files.set("/pinned/model.safetensors", { bytes: weights });
    const pinned = await load(`{ model: "pinned", dtype: "int8", sha256: "${sha256(weights)}" }`);
    assert.equal([pinned.failure, pinned.card?.download.verified], [undefined, true]);
    const zeros = "0".repeat(64);
    for (const dtype of ["auto", "float32", "int8"])
      assert.match(
        (await load(`{ model: "pinned", dtype: "${dtype}", sha256: "${zeros}" }`)).failure ?? "",
        /^weights\/checksum: http:.*\/pinned\/model\.safetensors/,
        dtype,
      );
    const hub = JSON.stringify(server.origin);
    assert.match(
      (await load(`{ model: "hf:museum/tiny", hub: ${hub}, sha256: "${zeros}" }`)).failure ?? "",
      /^weights\/checksum: /,
    );
  });

  test("model.safetensors is compared with config.json's checksum, also where another format is made of it", async () => {
    const serveOffer = (sum: string) => {
      const offer = { file: "model.safetensors", bytes: weights.length, sha256: sum };
      const text = JSON.stringify({ ...JSON.parse(config.toString()), weight_files: { float16: offer } });
      server.files.set("/whole/config.json", { bytes: Buffer.from(text), type: "application/json" });
    };
    server.files.set("/whole/model.safetensors", { bytes: weights });
    serveOffer(sha256(weights));
    const { card, failure } = await load('{ model: "whole", dtype: "int8" }');
    assert.equal([failure, card?.dtype, card?.download.verified], [undefined, "int8", true]);
    serveOffer("0".repeat(64));
    assert.match((await load('{ model: "whole", dtype: "int8" }')).failure ?? "", /^weights\/checksum: /);
  });

  test("what is no model is refused with the address, the status and the content type", async () => {
    const refusals: [string, RegExp][] = [
      ['{ model: "none" }', /^model\/no-model: http:.*\/none\/model\.safetensors: the server answered 404/],
      ['{ model: "spa/tiny" }', /^model\/no-model: http:.*\/spa\/tiny\/model.* answered 200 \(text\/html\)/],
      ["{ model: 3 }", /^usage\/bad-option: model is none of/],
      ['{ model: "http://" }', /^usage\/bad-option: model is "http:\/\/", which is no URL/],
      ["{ model: { weights: 3 } }", /^usage\/bad-option: model\.weights is no/],
      ['{ model: { weights: files.weights, config: "{" } }', /^model\/config: model\.config: not a JSON/],
      ["{ model: { weights: files.photo } }", /^weights\/safetensors: model/],
      ['{ model: "tiny", dtype: "int4" }', /^usage\/bad-option: dtype is "int4"; allowed: auto, float32/],
      [
        '{ modle: "tiny" }',
        /^usage\/bad-option: createClassifier has no option "modle"; allowed: model, dtype/,
      ],
      [
        '{ device: "remote", remote: { url: "/", modle: "tiny" } }',
        /^usage\/bad-option: remote has no option "modle"; allowed: url, model, token/,
      ],
      ['{ model: "tiny", sha256: "00" }', /^usage\/bad-option: sha256 is "00"; allowed: 64/],
      [
        `{ model: "tiny", sha256: "${"0".repeat(64)}" }`,
        /^weights\/checksum: http:.*\/tiny\/model\.safetensors/,
      ],
    ];
    for (const [options, text] of refusals) assert.match((await load(options)).failure ?? "", text, options);
  });

  test("an aborted load ends its download, and the next one goes on", async () => {
    const file = { bytes: weights, etag: '"w"', stopsAt: 1000 };
    server.files.set("/tiny/model.safetensors", file);
    const name = await page.evaluate(async () => {
      const controller = new AbortController();
      const onProgress = () => controller.abort();
      const loading = window.kinds.library.createClassifier({
        ...{ model: "tiny", device: "wasm", onProgress },
        signal: controller.signal,
      });
      return loading.then(
        () => "",
        (error) => error.name,
      );
    });
    assert.is(name, "AbortError");
    const closed = "closed /tiny/model.safetensors";
    while (!server.log.includes(closed)) await new Promise((resolve) => setTimeout(resolve, 10));
    server.files.set("/tiny/model.safetensors", { bytes: weights, etag: '"w"' });
    assert.is((await load('{ model: "tiny" }')).failure, undefined);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
