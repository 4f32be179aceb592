// SIGHUP: a server loads what changed, or says that nothing did, and is never ended by the signal.

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectInference } from "../../client/node/inference-client.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel } from "../inference/tiny-model.js";

// Windows has no SIGHUP that one process could send to another.
const test = suite("hangup");
const onPosix = process.platform === "win32" ? test.skip : test;

const tiny = makeTinyModel();
const folder = mkdtempSync(join(tmpdir(), "vitrine-hangup-"));
const started: RunningCommand[] = [];
test.after(() => {
  for (const { child } of started) child.kill("SIGKILL");
  tiny.remove();
  rmSync(folder, { recursive: true });
});

function put(version: string): void {
  const incoming = join(folder, ".incoming");
  cpSync(tiny.folder, incoming, { recursive: true });
  renameSync(incoming, join(folder, "a", version));
}

async function said({ output, child }: RunningCommand, pattern: RegExp): Promise<void> {
  for (let tries = 0; !pattern.test(output().stderr); tries++) {
    if (tries > 1_500 || child.exitCode !== null || child.signalCode !== null)
      assert.unreachable(`never ${pattern}: ${child.signalCode} ${output().stderr}`);
    await delay(20);
  }
}

onPosix(
  "a new version is loaded on SIGHUP; a second one says that nothing changed; the server answers on",
  async () => {
    cpSync(tiny.folder, join(folder, "a", "1"), { recursive: true });
    const args = [
      "--model-repository",
      folder,
      "--listen",
      "127.0.0.1:0",
      "--http",
      "off",
      "--device",
      "wasm",
    ];
    const server = runCommand("serve", ...args);
    started.push(server);
    const client = connectInference(await addressOf(server), { model: "a" });
    put("2");
    server.child.kill("SIGHUP");
    await said(server, /model a, version 2: loaded in /);
    assert.not.match(server.output().stderr, /nothing changed/);
    assert.equal((await client.metadata()).versions, ["2"]);
    await said(server, /model a, version 1: unloaded/);
    server.child.kill("SIGHUP");
    await said(server, /SIGHUP: nothing changed/);
    assert.equal((await client.metadata()).versions, ["2"]);
    client.close();
    server.child.kill("SIGTERM");
    assert.is(await server.ended, 0);
  },
);

/** Sends the process SIGHUP when it begins to load the module of the command. */
const HANG_UP = `
import { register } from "node:module";
const hooks = \`export async function resolve(name, context, next) {
  if (name.endsWith("/commands/serve.js")) process.kill(process.pid, "SIGHUP");
  return next(name, context);
}\`;
register("data:text/javascript," + encodeURIComponent(hooks));
`;

onPosix("SIGHUP in the first moments of the command does not end it", async () => {
  const script = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
  const hook = `data:text/javascript,${encodeURIComponent(HANG_UP)}`;
  const child = spawn(process.execPath, ["--import", hook, script, "serve", "--print-config"]);
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  const ended = await new Promise((resolve) =>
    child.once("close", (status, signal) => resolve(status ?? signal)),
  );
  assert.is(ended, 0);
  assert.match(output, /^max-batch: 8/m);
});

test.run();
