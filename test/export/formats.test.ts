// Export formats: what is written is read back byte for byte, converts between formats without a loss, and a model that
// a format cannot describe is refused by name.

import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { type ExportFormat, exportModel } from "../../runtime/model-files/export.js";
import { readModel, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { completeConfig, type DeitConfig } from "../../runtime/models/deit/config.js";
import { deitToHuggingFace, deitToTimm } from "../../runtime/models/deit/export.js";
import { publishedDeit } from "../../runtime/models/deit/published.js";
import { publishedRegnety } from "../../runtime/models/regnety/config.js";
import { readSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { throughDtype } from "../../runtime/weights/weight-dtype.js";
import { SYNTHETIC_REGNETY } from "../models/synthetic-regnety.js";
import { storedModel } from "./models.js";

/** A head dimension, ratio and ε that no published model has. */
const ODD = completeConfig(
  {
    ...{ imageSize: 32, patchSize: 8, dim: 36, depth: 2, heads: 3, mlpDim: 50, classes: 3, distilled: true },
    ...{ mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3], cropRatio: 0.95, layerNormEpsilon: 1e-12 },
  },
  "odd",
);
const PLAIN = { ...ODD, distilled: false };

type Files = Map<string, Uint8Array<ArrayBuffer>>;

function files(model: StoredModel, format: ExportFormat, dtype: "float32" | "float16" = "float32"): Files {
  const { content } = exportModel(model, format, dtype);
  return content instanceof Map ? content : new Map([["pytorch_model.bin", content]]);
}

function read(written: Files, name = "exported"): Promise<StoredModel> {
  const source: ModelSource = {
    name,
    location: `memory/${name}`,
    read: async (file) => written.get(file) ?? null,
  };
  return readModel(source);
}

function bits(tensors: TensorMap): unknown[] {
  return [...tensors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { shape, data }]) => [name, shape, createHash("sha256").update(data).digest("hex")]);
}

for (const config of [ODD, PLAIN])
  for (const format of ["hf", "timm"] as const)
    test(`${format}, ${config.distilled ? "distilled" : "plain"}: sizes, input, names and tensors come back`, async () => {
      const model = storedModel(config);
      const back = await read(files(model, format));
      // transformers begins a crop with odd margins one pixel earlier.
      const { cropRounding, ...rest } = back.config as DeitConfig;
      assert.is(cropRounding, format === "hf" ? "down" : undefined);
      assert.equal({ ...rest, pool: "token" }, { ...config, pool: "token" });
      assert.equal(back.labels, model.labels);
      assert.equal(bits(back.weights), bits(model.weights));
    });

test("hf → timm → hf gives the same files, and timm → hf → timm", async () => {
  for (const config of [ODD, PLAIN])
    for (const [first, second] of [
      ["hf", "timm"],
      ["timm", "hf"],
    ] as const) {
      const once = files(storedModel(config), first);
      const between = files(await read(once), second);
      assert.equal(files(await read(between), first), once);
    }
});

/** What computes differently than a plain DeiT, and the formats that hold it. */
const VARIANTS: readonly [name: string, Partial<DeitConfig>, formats: readonly ExportFormat[]][] = [
  ["DeiT III", { layerScale: 1e-4, prefixPositions: false }, ["timm"]],
  ["registers and no qkv biases", { registers: 2, qkvBias: false, prefixPositions: false }, ["timm"]],
  ["average pooling", { pool: "avg" }, ["timm"]],
  ["average pooling without fc_norm", { pool: "avg", poolNorm: false }, ["timm"]],
  ["no class token", { classToken: false, pool: "avg" }, ["timm"]],
  ["a distillation token without a head", { registers: 1 }, ["timm", "hf"]],
  ["no qkv biases", { qkvBias: false }, ["timm", "hf"]],
];

for (const [name, variant, formats] of VARIANTS)
  test(`${name}: ${formats.join(" and ")} give it back, hf refuses what it has no class for`, async () => {
    const model = storedModel({ ...PLAIN, ...variant });
    for (const format of formats) {
      const back = await read(files(model, format));
      assert.equal(bits(back.weights), bits(model.weights));
      // Properties that are a plain model's may be written or left out.
      const logits = (each: StoredModel) => exportModel(each, "onnx", "float32").content;
      assert.equal(logits(back), logits(model));
      assert.equal(files(back, format), files(model, format));
    }
    if (!formats.includes("hf"))
      assert.match(refusal(model, "hf"), /cannot be exported as hf, which has no class for it/);
  });

test("timm: DeiT III has a published architecture, hf names the property that it cannot hold", () => {
  const config = { ...publishedDeit("deit3_small_patch16_224")!, layerScale: 1e-6, depth: 12 };
  const described = deitToTimm(config);
  assert.equal([described.architecture, described.modelArgs], ["deit3_small_patch16_224", {}]);
  assert.throws(
    () => deitToHuggingFace(config, new Map()),
    /a model with LayerScale cannot be exported as hf/,
  );
});

test("float16 files hold the rounded weights", async () => {
  const model = storedModel(ODD);
  const back = await read(files(model, "hf", "float16"));
  assert.is(back.dtype, "float16");
  assert.equal(bits(back.weights), bits(throughDtype(model.weights, "float16")));
});

test("pth: the tensors come back in timm's order; a published name gives the rest", async () => {
  const config = { ...publishedDeit("deit_tiny_distilled_patch16_224")!, depth: 1 };
  const model = storedModel({ ...config, classes: 3 });
  const back = await read(files(model, "pth"), "my-model");
  assert.equal([...back.weights.keys()], [...model.weights.keys()]);
  assert.equal(bits(back.weights), bits(model.weights));
  assert.equal(back.config.classes, 3);
});

test("hf: the class is the one that has exactly these tensors", () => {
  const shown = (config: typeof ODD) => {
    const written = files(storedModel(config), "hf");
    const { architectures, model_type: type } = JSON.parse(
      new TextDecoder().decode(written.get("config.json")),
    );
    const { tensors } = readSafetensors(written.get("model.safetensors")!, "hf");
    return { architectures, type, names: [...tensors.keys()] };
  };
  const distilled = shown(ODD);
  assert.equal(distilled.architectures, ["DeiTForImageClassificationWithTeacher"]);
  assert.is(distilled.type, "deit");
  const has = (name: string) => assert.ok(distilled.names.includes(name), name);
  has("deit.embeddings.distillation_token");
  has("deit.encoder.layer.1.attention.attention.key.bias");
  has("deit.encoder.layer.0.attention.output.dense.weight");
  has("distillation_classifier.weight");
  const plain = shown(PLAIN);
  assert.equal(plain.architectures, ["ViTForImageClassification"]);
  assert.ok(plain.names.includes("classifier.bias"));
  assert.ok(plain.names.every((name) => /^(vit|classifier)\./.test(name)));
});

test("timm: a published architecture needs no arguments, another size has them all", () => {
  const config = (model: StoredModel) =>
    JSON.parse(new TextDecoder().decode(files(model, "timm").get("config.json")));
  const tiny = config(storedModel({ ...publishedDeit("deit_tiny_patch16_224")!, classes: 7 }));
  assert.is(tiny.architecture, "deit_tiny_patch16_224");
  assert.is(tiny.model_args, undefined);
  assert.equal([tiny.num_classes, tiny.num_features, tiny.global_pool], [7, 192, "token"]);
  const odd = config(storedModel(ODD));
  assert.match(odd.architecture, /^deit_\w+_distilled_patch16_224$/);
  const { mlp_ratio: ratio, ...sizes } = odd.model_args;
  assert.equal(sizes, { img_size: 32, patch_size: 8, embed_dim: 36, depth: 2, num_heads: 3 });
  assert.is(Math.trunc(36 * ratio), 50);
  assert.equal(odd.pretrained_cfg.classifier, ["head", "head_dist"]);
  assert.equal(odd.pretrained_cfg.input_size, [3, 32, 32]);
});

test("timm: a published RegNetY comes back; stages of one's own have no name there", async () => {
  const config = { ...publishedRegnety("regnety_002")!, classes: 4 };
  const model = storedModel(config);
  const back = await read(files(model, "timm"));
  assert.equal(back.config, config);
  assert.equal(back.labels, model.labels);
  assert.equal(bits(back.weights), bits(model.weights));
  const { num_features } = JSON.parse(new TextDecoder().decode(files(model, "timm").get("config.json")));
  assert.is(num_features, config.stages.at(-1)?.width);
  assert.match(refusal(storedModel(SYNTHETIC_REGNETY), "timm"), /no name in timm.*allowed: hf, pth, onnx/);
});

/** The text of `export/unsupported`. */
function refusal(model: StoredModel, format: ExportFormat): string {
  try {
    exportModel(model, format, "float32");
  } catch (error) {
    if (isVitrineError(error) && error.code === "export/unsupported") return error.message;
    throw error;
  }
  return "written";
}

test("what a format cannot describe is refused by name, never written differently", () => {
  const model = storedModel(ODD);
  const variant = { ...model, config: { ...ODD, secretScale: true } };
  for (const format of ["hf", "timm"] as const)
    assert.match(refusal(variant, format), new RegExp(`secretScale true cannot be exported as ${format}`));
  const extra = new Map(model.weights).set("blocks.0.ls1.gamma", { shape: [1], data: new Float32Array(1) });
  assert.match(refusal({ ...model, weights: extra }, "hf"), /"blocks.0.ls1.gamma" has no counterpart/);
});

test.run();
