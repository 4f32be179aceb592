// Interoperation: plain PyTorch loads an exported .pth file and timm folder with strict=True and computes our logits.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { type ExportFormat, exportModel } from "../../runtime/model-files/export.js";
import type { StoredModel } from "../../runtime/model-files/stored-model.js";
import { completeConfig, type DeitConfig } from "../../runtime/models/deit/config.js";
import { readTorchFile } from "../../runtime/weights/torch-file.js";
import { type FloatDtype, throughDtype } from "../../runtime/weights/weight-dtype.js";
import { normalizedImage, storedModel, syntheticPixels } from "../export/models.js";

/** Compiled to dist/test/interop/; the script is in the sources. */
const SCRIPT = fileURLToPath(new URL("../../../test/interop/timm_load.py", import.meta.url));
/** Debian's own Python has Debian's torch. */
const FIND =
  "import sys; from importlib.util import find_spec as f; sys.exit(not (f('torch') and f('numpy')))";
const PYTHON = ["/usr/bin/python3", "python3"].find((python) => spawnSync(python, ["-c", FIND]).status === 0);
const COUNT = 2;
const TOLERANCE = 1e-4;

const folder = mkdtempSync(join(tmpdir(), "vitrine-interop-"));
test.after(() => rmSync(folder, { recursive: true }));

function sizes(config: DeitConfig): object {
  return {
    img_size: config.imageSize,
    patch_size: config.patchSize,
    embed_dim: config.dim,
    depth: config.depth,
    num_heads: config.heads,
    mlp_dim: config.mlpDim,
    num_classes: config.classes,
    distilled: config.distilled,
  };
}

function write(model: StoredModel, format: ExportFormat, dtype: FloatDtype, path: string): string {
  const { content } = exportModel(model, format, dtype);
  if (!(content instanceof Map)) writeFileSync(path, content);
  else {
    mkdirSync(path);
    for (const [name, bytes] of content) writeFileSync(join(path, name), bytes);
  }
  return path;
}

async function ownLogits(model: StoredModel, pixels: Uint8Array): Promise<Float32Array> {
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
  try {
    const loaded = await loadModel(runtime, model, { batchSizes: [COUNT] });
    return (await loaded.logits(pixels, COUNT)).logits.slice();
  } finally {
    await runtime.dispose();
  }
}

interface Case {
  distilled: boolean;
  format: ExportFormat;
  dtype: FloatDtype;
}

const CASES: Case[] = [
  { distilled: true, format: "pth", dtype: "float32" },
  { distilled: false, format: "pth", dtype: "bfloat16" },
  { distilled: true, format: "timm", dtype: "float16" },
];

function modelOf(distilled: boolean): StoredModel & { config: DeitConfig } {
  const given = {
    imageSize: 32,
    patchSize: 8,
    dim: 48,
    depth: 2,
    heads: 4,
    mlpDim: 100,
    classes: 5,
    distilled,
  };
  const config = completeConfig(given, "interop");
  return { ...storedModel(config), config };
}

async function compare(): Promise<void> {
  const image = join(folder, "image.f32");
  const pixels = syntheticPixels(modelOf(true).config, COUNT);
  writeFileSync(image, normalizedImage(modelOf(true).config, pixels));
  const args = CASES.flatMap(({ distilled, format, dtype }, index) => {
    const model = modelOf(distilled);
    const path = (name: string) => join(folder, `${index}-${name}`);
    writeFileSync(path("sizes.json"), JSON.stringify(sizes(model.config)));
    const written = write(model, format, dtype, path("model"));
    return [written, path("sizes.json"), image, `${COUNT}`, path("logits.f32")];
  });
  const run = spawnSync(PYTHON as string, [SCRIPT, ...args], { encoding: "utf8", timeout: 240_000 });
  assert.is(run.status, 0, run.stderr);
  for (const [index, { distilled, dtype }] of CASES.entries()) {
    const model = modelOf(distilled);
    const expected = await ownLogits({ ...model, weights: throughDtype(model.weights, dtype) }, pixels);
    const bytes = readFileSync(join(folder, `${index}-logits.f32`));
    const logits = new Float32Array(new Uint8Array(bytes).buffer);
    assert.is(logits.length, expected.length);
    for (const [place, value] of expected.entries()) {
      const got = logits[place]!;
      assert.ok(Math.abs(value - got) <= TOLERANCE, `case ${index}, logit ${place}: ${value}, ${got}`);
    }
  }
}

if (PYTHON)
  test("PyTorch loads .pth files and a timm folder strictly, and computes the same logits", compare);
else console.log("skipped: loading in PyTorch (no python3 here has torch and numpy)");

test("the state_dict has timm's names in timm's order", () => {
  const { content } = exportModel(modelOf(true), "pth", "float32");
  const names = [...readTorchFile(content as Uint8Array, "model.pth").tensors.keys()];
  assert.equal(names.slice(0, 6), [
    "cls_token",
    "pos_embed",
    "dist_token",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
    "blocks.0.norm1.weight",
  ]);
  assert.equal(names.slice(-4), ["head.weight", "head.bias", "head_dist.weight", "head_dist.bias"]);
});

test.run();
