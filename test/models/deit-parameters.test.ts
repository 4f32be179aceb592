// DeiT parameters: the published models have the published number of weights, and start with DeiT's distributions.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { normalizationTable } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { DEIT } from "../../runtime/models/deit/family.js";
import { initialWeights } from "../../runtime/models/deit/initialization.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { DEIT_NAMES } from "../../runtime/models/deit/published.js";
import { MODEL_NAMES, publishedConfig } from "../../runtime/models/families.js";
import { REGNETY_NAMES } from "../../runtime/models/regnety/config.js";

/** As counted by instantiating facebookresearch/deit's models. */
const PUBLISHED: Readonly<Record<string, [parameters: number, tensors: number]>> = {
  deit_tiny_patch16_224: [5_717_416, 152],
  deit_small_patch16_224: [22_050_664, 152],
  deit_base_patch16_224: [86_567_656, 152],
  deit_tiny_distilled_patch16_224: [5_910_800, 155],
  deit_small_distilled_patch16_224: [22_436_432, 155],
  deit_base_distilled_patch16_224: [87_338_192, 155],
};

/** Millions of parameters as timm's table of results has them, with two decimals. */
const MILLIONS: Readonly<Record<string, number>> = {
  ...{ deit_base_patch16_384: 86.86, deit_base_distilled_patch16_384: 87.63 },
  ...{ deit3_small_patch16_224: 22.06, deit3_small_patch16_384: 22.21, deit3_medium_patch16_224: 38.85 },
  ...{ deit3_base_patch16_224: 86.59, deit3_base_patch16_384: 86.88, deit3_large_patch16_224: 304.37 },
  ...{ deit3_large_patch16_384: 304.76, deit3_huge_patch14_224: 632.13, vit_tiny_patch16_224: 5.72 },
  ...{ vit_tiny_patch16_384: 5.79, vit_small_patch16_224: 22.05, vit_small_patch16_384: 22.2 },
  ...{ vit_small_patch32_224: 22.88, vit_small_patch32_384: 22.92, vit_base_patch16_224: 86.57 },
  ...{ vit_base_patch16_384: 86.86, vit_base_patch32_224: 88.22, vit_base_patch32_384: 88.3 },
  ...{ vit_base_patch8_224: 86.58, vit_large_patch16_224: 304.33, vit_large_patch16_384: 304.72 },
};

/** DeiT's Ti and S at 384, which timm's table leaves out: as at 224, with 380 more positions. */
function resized(name: string): number {
  const [parameters] = PUBLISHED[name.replace("384", "224")] as [number, number];
  return (parameters + 380 * (publishedConfig(name) as DeitConfig).dim) / 1e6;
}

const parameterCount = (name: string): number => {
  const shapes = deitParameters(publishedConfig(name) as DeitConfig);
  return [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
};

test("models of all sizes have the millions of parameters that timm states", () => {
  for (const name of DEIT_NAMES.filter((each) => !(each in PUBLISHED))) {
    const stated = MILLIONS[name] ?? resized(name);
    assert.ok(Math.abs(parameterCount(name) / 1e6 - stated) <= 0.00501, `${name}: ${parameterCount(name)}`);
  }
  for (const name of Object.keys(MILLIONS)) assert.ok(DEIT_NAMES.includes(name), name);
  assert.equal(MODEL_NAMES, [...DEIT_NAMES, ...REGNETY_NAMES]);
});

test("every DeiT at 224 has the published number of parameters and tensors", () => {
  for (const [name, [parameters, tensors]] of Object.entries(PUBLISHED)) {
    const shapes = deitParameters(publishedConfig(name) as DeitConfig);
    const count = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
    assert.is(count, parameters, name);
    assert.is(shapes.size, tensors, name);
  }
});

test("a published name is found in a checkpoint's file name, and each configuration is a fresh copy", () => {
  const { classes: _, ...sizes } = publishedConfig("deit_tiny_distilled_patch16_224") as DeitConfig;
  assert.equal(DEIT.sizesOfName("deit_tiny_distilled_patch16_224-b40b3cf7.pth"), sizes);
  assert.equal(DEIT.sizesOfName("model.safetensors"), {});
  const changed = publishedConfig("deit_tiny_patch16_224") as DeitConfig;
  changed.mean[0] = 0;
  assert.is(publishedConfig("deit_tiny_patch16_224")?.mean[0], 0.485);
  assert.is(publishedConfig("deit_huge"), undefined);
});

const SMALL: DeitConfig = { ...(publishedConfig("deit_tiny_distilled_patch16_224") as DeitConfig), depth: 2 };

function moments(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(square) };
}

test("facebook's file names and tags of timm are read", () => {
  const huge = DEIT.sizesOfName("deit_3_huge_224_21k_v1.pth");
  assert.equal(
    [huge.dim, huge.patchSize, huge.heads, huge.imageSize, huge.cropRatio],
    [1280, 14, 16, 224, 1],
  );
  assert.is(DEIT.sizesOfName("deit3_base_patch16_384.fb_in22k_ft_in1k").imageSize, 384);
  assert.equal(DEIT.sizesOfName("vit_base_patch16_224.augreg_in21k_ft_in1k").mean, [0.5, 0.5, 0.5]);
  assert.is(DEIT.sizesOfName("vit_base_patch16_224.mae").mean, undefined);
});

test("LayerScale starts from its configured value", async () => {
  const { math } = await createImageModule(nodeHost());
  const config = { ...(publishedConfig("deit3_small_patch16_224") as DeitConfig), depth: 1 };
  const weights = initialWeights(config, 7, math);
  for (const name of ["blocks.0.ls1.gamma", "blocks.0.ls2.gamma"])
    assert.equal(new Set(weights.get(name)?.data), new Set([Math.fround(1e-4)]));
  const own = initialWeights({ ...config, layerScale: 1e-6 }, 7, math);
  assert.is(own.get("blocks.0.ls1.gamma")?.data[0], Math.fround(1e-6));
});

test("another deviation scales tokens, positions and linear weights alone", async () => {
  const { math } = await createImageModule(nodeHost());
  const usual = initialWeights(SMALL, 7, math);
  const wide = initialWeights({ ...SMALL, initializerRange: 0.08 }, 7, math);
  for (const [name, { data }] of usual) {
    const factor = /^patch_embed|norm|bias$/.test(name) ? 1 : 4;
    const own = wide.get(name)?.data as Float32Array;
    const scaled = data.every((value, i) => Math.abs(own[i] - factor * value) <= 1e-6 * Math.abs(own[i]));
    assert.ok(scaled, `${name} is ${factor} times the usual one`);
  }
});

test("initial weights follow DeiT's distributions and are the same for the same seed", async () => {
  const { math } = await createImageModule(nodeHost());
  const weights = initialWeights(SMALL, 7, math);
  const data = (name: string) => weights.get(name)?.data as Float32Array;
  for (const name of [
    "pos_embed",
    "blocks.1.attn.qkv.weight",
    "blocks.0.mlp.fc2.weight",
    "head_dist.weight",
  ]) {
    const { mean, deviation } = moments(data(name));
    assert.ok(Math.abs(mean) < 3e-4, `${name}: mean ${mean}`);
    assert.ok(Math.abs(deviation - 0.02) < 4e-4, `${name}: deviation ${deviation}`);
  }
  const bound = 1 / Math.sqrt(3 * 16 * 16);
  const patch = data("patch_embed.proj.weight");
  assert.ok(patch.every((value) => Math.abs(value) <= bound));
  assert.ok(Math.abs(moments(patch).deviation - bound / Math.sqrt(3)) < 2e-4);
  assert.ok(data("patch_embed.proj.bias").some((value) => value !== 0));
  assert.ok(data("blocks.0.norm1.weight").every((value) => value === 1));
  for (const name of ["norm.bias", "blocks.0.attn.qkv.bias", "head.bias"])
    assert.ok(
      data(name).every((value) => value === 0),
      name,
    );

  const again = initialWeights(SMALL, 7, math);
  for (const [name, tensor] of weights) assert.equal(again.get(name), tensor);
  const other = initialWeights(SMALL, 8, math);
  assert.ok(data("cls_token").every((value, i) => value !== other.get("cls_token")?.data[i]));
  assert.ok(data("blocks.0.attn.qkv.weight")[0] !== data("blocks.1.attn.qkv.weight")[0]);
});

test("the normalization table is torchvision's, rounded after every step", () => {
  const table = normalizationTable(SMALL);
  const { fround } = Math;
  assert.is(table[0], fround(fround(0 - fround(0.485)) / fround(0.229)));
  assert.is(table[255], fround(fround(1 - fround(0.485)) / fround(0.229)));
  assert.is(table[2 * 256 + 77], fround(fround(fround(77 / 255) - fround(0.406)) / fround(0.225)));
});

test.run();
