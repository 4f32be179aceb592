// vitrine export as a user runs it: what is written, and what is never half-written or overwritten.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeModelSource } from "../../runtime/host/node.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { SYNTHETIC, syntheticWeights, writeModelFolder } from "../models/synthetic-model.js";
import { LABELS, SYNTHETIC_REGNETY, writeRegnetyFolder } from "../models/synthetic-regnety.js";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "vitrine-export-"));
test.after(() => rmSync(folder, { recursive: true }));

const MODEL = join(folder, "model");
writeModelFolder(MODEL, SYNTHETIC, syntheticWeights(SYNTHETIC), ["ant", "bee", "cat", "dog"]);

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VITRINE, "export", ...args], {
    encoding: "utf8",
    // A folder without packages: onnxruntime-node is not found here.
    cwd: folder,
  });
  return { status, stdout, stderr };
}

test("every format is written and read back, hf and timm with the class names", async () => {
  const original = await readModel(nodeModelSource(MODEL));
  for (const [format, name] of [
    ["hf", "hf"],
    ["timm", "timm"],
    ["pth", "deit.pth"],
  ] as const) {
    const out = join(folder, name);
    const { status, stdout, stderr } = run(MODEL, "--format", format, "--out", out);
    assert.is(status, 0, stderr);
    assert.match(stdout, new RegExp(`${name}: ${format}, float32, \\d`));
    const back = await readModel(nodeModelSource(out));
    for (const [tensor, { data }] of original.weights) assert.equal(back.weights.get(tensor)?.data, data);
    if (format !== "pth") assert.equal(back.labels, original.labels);
    else assert.match(stderr, /holds tensors only/);
  }
});

test("onnx says whether the file was compared with onnxruntime", () => {
  const out = join(folder, "deit.onnx");
  const { status, stderr } = run(MODEL, "--format", "onnx", "--out", out);
  assert.is(status, 0, stderr);
  assert.match(stderr, /onnxruntime.*(npm install onnxruntime-node|differ by at most)/);
  assert.ok(existsSync(out));
  assert.is(run(MODEL, "--format", "onnx", "--out", join(folder, "other.onnx"), "--no-check").stderr, "");
});

test("an exported file that onnxruntime computes differently is not written", () => {
  const broken = join(folder, "project/node_modules/onnxruntime-node");
  mkdirSync(broken, { recursive: true });
  writeFileSync(join(broken, "package.json"), '{"name": "onnxruntime-node", "main": "index.js"}');
  // A runtime that answers 0 to everything.
  writeFileSync(
    join(broken, "index.js"),
    `exports.Tensor = class { constructor(type, data, dims) { this.dims = dims; } };
     exports.InferenceSession = { create: async () => ({
       run: async ({ pixel_values }) => ({ logits: { data: new Float32Array(4 * pixel_values.dims[0]) } }),
     }) };`,
  );
  const cwd = join(folder, "project");
  const args = [VITRINE, "export", MODEL, "--format", "onnx", "--out", "deit.onnx"];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd });
  assert.is(status, 1);
  assert.match(stderr, /^vitrine: export\/parity: .*allowed: 0.0001/m);
  assert.equal(readdirSync(cwd), ["node_modules"]);
});

test("what exists is kept without --force, and replaced with it", () => {
  const [file, full] = [join(folder, "kept.pth"), join(folder, "full")];
  writeFileSync(file, "kept");
  mkdirSync(full);
  writeFileSync(join(full, "notes.txt"), "kept");
  assert.match(run(MODEL, "--format", "pth", "--out", file).stderr, /file\/exists: .*--force/);
  assert.match(run(MODEL, "--format", "hf", "--out", full).stderr, /file\/exists: .*--force/);
  assert.match(
    run(MODEL, "--format", "pth", "--out", full).stderr,
    /file\/exists: .*is a folder: give a file/,
  );
  assert.match(
    run(MODEL, "--format", "hf", "--out", file).stderr,
    /file\/exists: .*is a file: give a folder/,
  );
  assert.is(readFileSync(file, "utf8"), "kept");
  assert.is(run(MODEL, "--format", "pth", "--out", file, "--force").status, 0);
  assert.ok(readFileSync(file).length > 1000);
  assert.is(run(MODEL, "--format", "hf", "--out", full, "--force").status, 0);
  assert.is(readFileSync(join(full, "notes.txt"), "utf8"), "kept");
  assert.equal(
    readdirSync(folder).filter((name) => /\.tmp$|\.next$|\.commit$/.test(name)),
    [],
  );
});

test("a model that the format cannot hold, and a dtype that it does not have, are one line", () => {
  const regnety = writeRegnetyFolder(join(folder, "regnety"), SYNTHETIC_REGNETY, LABELS);
  const out = join(folder, "never");
  const refused = run(regnety, "--format", "timm", "--out", out);
  assert.is(refused.status, 1);
  assert.match(
    refused.stderr,
    /^vitrine: export\/unsupported: a RegNetY of stages .* has no name in timm.*; allowed: hf, pth, onnx\n$/,
  );
  assert.match(
    run(MODEL, "--format", "hf", "--out", out, "--dtype", "int8").stderr,
    /usage\/dtype: .*f32, f16, bf16/,
  );
  assert.not(existsSync(out));
});

test.run();
