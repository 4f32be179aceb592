// Commands with a model of the Hub, as a user runs them, against a local server.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DownloadDisplay } from "../../bin/hub-model.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import { constantWeights, SYNTHETIC, syntheticPhoto } from "../models/synthetic-model.js";
import { startHubServer } from "./hub-server.js";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
const LABELS = ["ant", "bee", "cat", "dog"];

const folder = mkdtempSync(join(tmpdir(), "vitrine-hub-command-"));
const hub = await startHubServer();
test.after(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

hub.repositories.set("org/always-cat", {
  commit: "a".repeat(40),
  files: new Map([
    ["config.json", { bytes: new TextEncoder().encode(writeConfigJson(SYNTHETIC, LABELS)), large: false }],
    [
      "model.safetensors",
      {
        bytes: writeSafetensors(storedFloats(constantWeights(SYNTHETIC, LABELS.indexOf("cat")))),
        large: true,
      },
    ],
  ]),
});

const PHOTO = join(folder, "photo.jpg");
writeFileSync(PHOTO, syntheticPhoto(1));

/** The server is in this process: the command must not block it. */
function run(args: string[], environment: Record<string, string> = {}) {
  const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, "home"), ...environment };
  return new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [VITRINE, ...args], { env }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test("classify downloads the model once, and then works without the Hub", async () => {
  const args = ["classify", PHOTO, "--model", "hf:org/always-cat", "--top-k", "1"];
  const first = await run(args);
  assert.is(first.status, 0, first.stderr);
  assert.match(first.stdout, /cat/);
  const offline = await run(args, { HF_HUB_OFFLINE: "1", HF_ENDPOINT: "http://127.0.0.1:9" });
  assert.is(offline.status, 0, offline.stderr);
  assert.is(offline.stdout, first.stdout);
  assert.is(offline.stderr, "");
});

test("convert and export take a model of the Hub", async () => {
  for (const [command, ...args] of [
    ["convert", "--model", "hf:org/always-cat", "--dtype", "f16"],
    ["export", "hf:org/always-cat@main", "--format", "hf"],
  ] as const) {
    const out = join(folder, `by-${command}`);
    const { status, stderr } = await run([command, ...args, "--out", out]);
    assert.is(status, 0, stderr);
    assert.ok(readdirSync(out).includes("model.safetensors"));
    assert.match(readFileSync(join(out, "config.json"), "utf8"), /"cat"/);
  }
});

test("errors are one line with the code", async () => {
  const { status, stderr } = await run(["classify", PHOTO, "--model", "hf:org/missing"]);
  assert.is(status, 1);
  assert.match(stderr, /^vitrine: hub\/not-found: hf:org\/missing: there is no such repository.*\n$/);
  const teacher = await run([
    ...["train", "--data-server", "127.0.0.1:9", "--out", join(folder, "run")],
    ...[
      "--model",
      "deit_tiny_distilled_patch16_224",
      "--teacher",
      "hf:org/missing",
      "--distillation",
      "hard",
    ],
  ]);
  assert.match(teacher.stderr, /^vitrine: hub\/not-found: hf:org\/missing/m);
});

test("a name of the Hub without its scheme is refused with the name as it is written", async () => {
  for (const [model, reference] of [
    ["deit_tiny_patch16_224", "timm:deit_tiny_patch16_224"],
    ["facebook/deit-tiny-patch16-224", "hf:facebook/deit-tiny-patch16-224"],
  ]) {
    const expected = new RegExp(`^vitrine: file/not-found: ${model}: .*is named ${reference}\\n$`, "m");
    assert.match((await run(["classify", PHOTO, "--model", model])).stderr, expected);
    const train = ["train", "--data-server", "127.0.0.1:9", "--out", join(folder, "run")];
    assert.match((await run([...train, "--init", model])).stderr, expected);
  }
  const path = await run(["classify", PHOTO, "--model", "no/such/folder"]);
  assert.match(path.stderr, /file\/not-found: no\/such\/folder: .*a model is a folder with/);
});

test("a terminal gets one line that is rewritten, a log a few lines", () => {
  const lines = (isTTY: boolean) => {
    const written: string[] = [];
    const display = new DownloadDisplay({ isTTY, columns: 60, write: (text) => written.push(text) });
    for (let loaded = 0; loaded <= 4e6; loaded += 1e5)
      display.report({ file: "model.safetensors", loaded, total: 4e6, resumed: 0 });
    return written;
  };
  const log = lines(false);
  assert.ok(log.length >= 3 && log.length <= 6, log.join(""));
  assert.match(log.at(-1)!, /^model.safetensors: 4.0 of 4.0 MB \(100%\), \d+\.\d MB\/s\n$/);
  const terminal = lines(true);
  assert.ok(terminal.every((text) => text.startsWith("\r\u001b[2K")));
  assert.is(terminal.filter((text) => text.endsWith("\n")).length, 1);
});

test.run();
