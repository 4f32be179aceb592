// vitrine client: the page and the model's two files over HTTP, and nothing else of this machine.

import { request } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { readConfigJson } from "../../runtime/models/families.js";
import { readSafetensors } from "../../runtime/weights/safetensors.js";
import { fileDtype } from "../../runtime/weights/weight-dtype.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel, TINY, TINY_LABELS } from "../inference/tiny-model.js";

const tiny = makeTinyModel();
let server: RunningCommand;
let address: string;

test.before(async () => {
  server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  address = await addressOf(server);
});

test.after(() => {
  server.child.kill("SIGKILL");
  tiny.remove();
});

test("every answer isolates the page, so that it may share memory between threads", async () => {
  for (const path of ["/", "/models.json", "/icon.svg", "/models/tiny/config.json"]) {
    const response = await fetch(`${address}${path}`);
    await response.arrayBuffer();
    assert.is(response.status, 200, path);
    assert.is(response.headers.get("cross-origin-opener-policy"), "same-origin", path);
    assert.is(response.headers.get("cross-origin-embedder-policy"), "require-corp", path);
  }
});

test("the model is listed with its size, and its files are complete", async () => {
  const { models } = (await (await fetch(`${address}/models.json`)).json()) as {
    models: { name: string; url: string; bytes: number }[];
  };
  assert.equal(
    models.map(({ name, url }) => [name, url]),
    [["tiny", "models/tiny/"]],
  );
  const weights = await fetch(`${address}/${models[0]?.url}model.safetensors`);
  assert.is((await weights.arrayBuffer()).byteLength, models[0]?.bytes);
  assert.is(weights.headers.get("content-length"), String(models[0]?.bytes));
  const config = await (await fetch(`${address}/models/tiny/config.json`)).text();
  const { sizes, labels } = readConfigJson(config, "config.json");
  const { dim, depth, distilled } = sizes as Partial<DeitConfig>;
  assert.equal([dim, depth, distilled], [TINY.dim, TINY.depth, TINY.distilled]);
  assert.equal(labels, TINY_LABELS);
});

test("a second visit downloads no weights again", async () => {
  const url = `${address}/models/tiny/model.safetensors`;
  const first = await fetch(url);
  await first.arrayBuffer();
  const headers = { "If-None-Match": first.headers.get("etag") ?? "" };
  assert.is((await fetch(url, { headers })).status, 304);
});

/** fetch() would normalize the path before sending it. */
function statusOf(path: string, method = "GET"): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address);
    const call = request({ hostname, port, path, method }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on("error", reject).end();
  });
}

for (const path of [
  "/nothing",
  "/models/tiny/optimizer.safetensors",
  "/models/tiny/../tiny/state.json",
  "/../package.json",
  "/%2e%2e/%2e%2e/package.json",
  "/assets/../../../package.json",
  "/assets/%2e%2e/%2e%2e/bin/vitrine.js",
  "/assets/",
  "//etc/passwd",
  "/%",
]) {
  test(`GET ${path} is not found`, async () => {
    assert.is(await statusOf(path), 404);
  });
}

test("--dtype serves weights of that dtype from memory, once per visitor", async () => {
  const own = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0", "--dtype", "f16");
  const url = `${await addressOf(own)}/models/tiny/model.safetensors`;
  const response = await fetch(url);
  const file = readSafetensors(new Uint8Array(await response.arrayBuffer()), "tiny");
  assert.is(fileDtype(file), "float16");
  const headers = { "If-None-Match": response.headers.get("etag") ?? "" };
  assert.is((await fetch(url, { headers })).status, 304);
  own.child.kill("SIGKILL");
});

test("nothing can be written", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) assert.is(await statusOf("/", method), 405);
});

test("SIGTERM: an open keep-alive connection does not keep the process running", async () => {
  const own = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0", "--name", "a b/c");
  const url = await addressOf(own);
  const { models } = (await (await fetch(`${url}/models.json`)).json()) as { models: { url: string }[] };
  assert.is(models[0]?.url, "models/a%20b%2Fc/");
  assert.is((await fetch(`${url}/${models[0]?.url}config.json`)).status, 200);
  own.child.kill("SIGTERM");
  assert.is(await own.ended, 0);
});

for (const [claim, args, line] of [
  [
    "a port in use",
    () => ["--model", tiny.folder, "--listen", new URL(address).host],
    /network\/address-in-use/,
  ],
  ["a model that does not exist", () => ["--model", `${tiny.folder}-not`], /file\/not-found/],
  [
    "a unix socket",
    () => ["--model", tiny.folder, "--listen", "unix:page.sock"],
    /usage\/address.*HOST:PORT/,
  ],
] as [string, () => string[], RegExp][]) {
  test(`${claim}: one line, status 1`, async () => {
    const command = runCommand("client", ...args());
    assert.is(await command.ended, 1);
    assert.match(command.output().stderr, line);
    assert.is(command.output().stderr.trimEnd().split("\n").length, 1);
  });
}

test.run();
