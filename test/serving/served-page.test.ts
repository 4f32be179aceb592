// vitrine serve --page: the page and its models beside the REST interface, on one port.

import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ModelList } from "../../runtime/model-files/model-list.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { makeTinyModel } from "../inference/tiny-model.js";

const tiny = makeTinyModel();
test.after(() => tiny.remove());

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

test("with --page the HTTP port shows the page, its models, and the interface as before", async () => {
  const server = runCommand(...SERVE, "--model", tiny.folder, "--model", `other=${tiny.file}`, "--page");
  await addressOf(server);
  const [, address] = /^http on (\S+)$/m.exec(server.output().stdout) ?? [];
  const page = await fetch(`${address}/`);
  assert.match(await page.text(), /<!doctype html>/i);
  assert.is(page.headers.get("cross-origin-embedder-policy"), "require-corp");
  const { models } = (await (await fetch(`${address}/models.json`)).json()) as ModelList;
  assert.equal(
    models.map(({ name }) => name),
    ["tiny", "other"],
  );
  const weights = await fetch(`${address}/${models[0]?.url}model.safetensors`, {
    headers: { range: "bytes=8-15" },
  });
  assert.is(weights.status, 206);
  assert.ok(Buffer.from(await weights.arrayBuffer()).equals(readFileSync(tiny.file).subarray(8, 16)));
  assert.is((await fetch(`${address}/v2/models/tiny/ready`)).status, 200);
  assert.is((await fetch(`${address}/models/tiny/optimizer.safetensors`)).status, 404);
  assert.is((await fetch(`${address}/models.json`, { method: "POST" })).status, 404);
  server.child.kill("SIGTERM");
  assert.is(await server.ended, 0);
});

test("without --page there is none", async () => {
  const server = runCommand(...SERVE, "--model", tiny.folder);
  await addressOf(server);
  const [, address] = /^http on (\S+)$/m.exec(server.output().stdout) ?? [];
  assert.is((await fetch(`${address}/`)).status, 404);
  server.child.kill("SIGKILL");
});

for (const [claim, args, line] of [
  ["tokens", ["--model", tiny.folder, "--token-file", tiny.file], /--page lets everyone download the models/],
  ["no HTTP", ["--model", tiny.folder, "--http", "off"], /--page needs an HTTP address/],
  ["a repository alone", ["--model-repository", tiny.folder], /--page needs --model/],
] as [string, string[], RegExp][]) {
  test(`--page with ${claim} is refused in one line`, async () => {
    const command = runCommand(...SERVE, "--page", ...args);
    assert.is(await command.ended, 1);
    // Before it there may be a line about the variables of the test's own runner.
    assert.match(command.output().stderr.trimEnd().split("\n").at(-1) ?? "", line);
  });
}

test.run();
