// Page formats: a model's weights in several formats, made by the command or found in the model's folder, each under its
// name, with its size and checksum in config.json.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readSafetensors } from "../../runtime/weights/safetensors.js";
import { fileDtype } from "../../runtime/weights/weight-dtype.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { makeTinyModel } from "../inference/tiny-model.js";

const tiny = makeTinyModel();
const work = mkdtempSync(join(tmpdir(), "vitrine-formats-"));
const folder = join(work, "tiny");

test.before(async () => {
  const convert = ["--model", tiny.folder, "--dtype", "f16", "--also", "f32,int8", "--out", folder];
  assert.is(await runCommand("convert", ...convert).ended, 0);
});

test.after(() => {
  tiny.remove();
  rmSync(work, { recursive: true });
});

interface Offered {
  file: string;
  bytes: number;
  sha256: string;
}

/** What the page of a running `vitrine client` offers: dtype → file, after each file was fetched and compared. */
async function offers(...args: string[]): Promise<{ files: Record<string, string>; listed: unknown }> {
  const server = runCommand("client", "--listen", "127.0.0.1:0", ...args);
  try {
    const address = await addressOf(server);
    const { models } = await (await fetch(`${address}/models.json`)).json();
    const folder = `${address}/${models[0].url}`;
    const config = await (await fetch(`${folder}config.json`)).json();
    const files: Record<string, string> = {};
    for (const [dtype, { file, bytes, sha256 }] of Object.entries<Offered>(config.weight_files)) {
      const weights = new Uint8Array(await (await fetch(folder + file)).arrayBuffer());
      assert.is(weights.length, bytes, file);
      assert.is(createHash("sha256").update(weights).digest("hex"), sha256, file);
      assert.is(fileDtype(readSafetensors(weights, file)), dtype);
      files[dtype] = file;
    }
    return { files, listed: models[0].formats?.map(({ dtype }: { dtype: string }) => dtype) };
  } finally {
    server.child.kill("SIGKILL");
    await server.ended;
  }
}

const ALL = ["float32", "float16", "int8"];

test("--dtype f32,f16,int8 offers three files, the first of which is model.safetensors", async () => {
  const { files, listed } = await offers("--model", tiny.folder, "--dtype", "f32,f16,int8");
  assert.equal(files, {
    float32: "model.safetensors",
    float16: "model.float16.safetensors",
    int8: "model.int8.safetensors",
  });
  assert.equal(listed, ALL);
});

test("a folder of vitrine convert --also offers what it has, and with --dtype that format alone", async () => {
  const { files, listed } = await offers("--model", folder);
  assert.equal(files, {
    float16: "model.safetensors",
    float32: "model.float32.safetensors",
    int8: "model.int8.safetensors",
  });
  assert.equal(listed, ALL);
  const one = await offers("--model", folder, "--dtype", "f16");
  assert.equal(one, { files: { float16: "model.safetensors" }, listed: undefined });
});

test("a file that is another one than the folder's config.json says is refused when the server starts", async () => {
  writeFileSync(join(folder, "model.int8.safetensors"), "other weights");
  const command = runCommand("client", "--listen", "127.0.0.1:0", "--model", folder);
  assert.is(await command.ended, 1);
  assert.match(
    command.output().stderr,
    /^vitrine: weights\/checksum: .*model\.int8\.safetensors: its SHA-256 is \w+, but config\.json/m,
  );
});

test("a format that a page cannot choose is refused by its name", async () => {
  const command = runCommand("client", "--model", tiny.folder, "--dtype", "f32,bf16");
  assert.is(await command.ended, 1);
  assert.match(command.output().stderr, /--dtype got "f32,bf16"; allowed: f32, f16, int8/);
});

test.run();
