// vitrine serve --page: the page and its models beside the REST interface, on one port.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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
  const { models, server: offered } = (await (await fetch(`${address}/models.json`)).json()) as ModelList;
  assert.equal(offered, { token: false });
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

test("with tokens the page is for everyone, and nothing else: no model to download, no call without a token", async () => {
  const tokens = join(dirname(tiny.folder), "tokens.txt");
  writeFileSync(tokens, "open-sesame-open-sesame\n", { mode: 0o600 });
  const server = runCommand(...SERVE, "--model", tiny.folder, "--page", "--token-file", tokens);
  await addressOf(server);
  const [, address] = /^http on (\S+)$/m.exec(server.output().stdout) ?? [];
  assert.match(await (await fetch(`${address}/`)).text(), /<!doctype html>/i);
  assert.equal(await (await fetch(`${address}/models.json`)).json(), { models: [], server: { token: true } });
  const status = async (path: string, init: RequestInit = {}) => (await fetch(address + path, init)).status;
  assert.is(await status("/models/tiny/model.safetensors"), 404);
  assert.is(await status("/v2/models/tiny"), 401);
  assert.is(await status("/v2/models/tiny/infer", { method: "POST", body: "{}" }), 401);
  assert.is(await status("/none", { method: "POST", body: "{}" }), 401);
  const headers = { authorization: "Bearer open-sesame-open-sesame" };
  assert.is(await status("/v2/models/tiny", { headers }), 200);
  server.child.kill("SIGTERM");
  assert.is(await server.ended, 0);
});

test("a server of a repository shows the page, whose visitors compute on the server", async () => {
  const repository = join(dirname(tiny.folder), "repository");
  cpSync(tiny.folder, join(repository, "tiny/1"), { recursive: true });
  const server = runCommand(...SERVE, "--model-repository", repository, "--page");
  await addressOf(server);
  const [, address] = /^http on (\S+)$/m.exec(server.output().stdout) ?? [];
  assert.equal(await (await fetch(`${address}/models.json`)).json(), {
    models: [],
    server: { token: false },
  });
  server.child.kill("SIGKILL");
});

test("--page without HTTP is refused in one line", async () => {
  const command = runCommand(...SERVE, "--page", "--model", tiny.folder, "--http", "off");
  assert.is(await command.ended, 1);
  // Before it there may be a line about the variables of the test's own runner.
  const line = command.output().stderr.trimEnd().split("\n").at(-1) ?? "";
  assert.match(line, /--page needs an HTTP address/);
});

test.run();
