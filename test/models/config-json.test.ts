// config.json: a written file reads back unchanged, missing fields get defaults, and invalid fields are named.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { readConfigJson, writeConfigJson } from "../../runtime/models/families.js";

const CONFIG: DeitConfig = {
  ...{ imageSize: 64, patchSize: 8, dim: 96, depth: 4, heads: 3, mlpDim: 384, classes: 2, distilled: true },
  ...{ layerNormEpsilon: 1e-6, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.1], cropRatio: 0.9 },
};

test("a written config reads back as it was", () => {
  for (const distilled of [false, true]) {
    const config = { ...CONFIG, distilled };
    const { sizes, labels } = readConfigJson(writeConfigJson(config, ["disc", "ring"]), "config.json");
    assert.equal(completeConfig(sizes, "config.json"), config);
    assert.equal(labels, ["disc", "ring"]);
  }
});

test("Hugging Face's own file is read, with defaults for the fields that it omits", () => {
  const file = {
    ...{
      model_type: "deit",
      architectures: ["DeiTForImageClassificationWithTeacher"],
      layer_norm_eps: 1e-12,
    },
    ...{
      image_size: [224, 224],
      patch_size: 16,
      hidden_size: 192,
      num_hidden_layers: 12,
      num_attention_heads: 3,
    },
    id2label: Object.fromEntries(Array.from({ length: 7 }, (_, i) => [i, `LABEL_${i}`])),
  };
  const { sizes, labels } = readConfigJson(JSON.stringify(file), "config.json");
  assert.is(labels, undefined);
  const config = completeConfig({ classes: 7, ...sizes }, "config.json");
  const { imageSize, mlpDim, distilled, layerNormEpsilon, cropRatio } = config;
  assert.equal([imageSize, mlpDim, distilled, layerNormEpsilon, cropRatio], [224, 768, true, 1e-12, 0.875]);
});

test("timm's own file gives its name, its crop and its normalization", () => {
  const file = {
    ...{ architecture: "deit_tiny_patch16_224", num_classes: 1000 },
    pretrained_cfg: {
      crop_pct: 0.9,
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
      input_size: [3, 224, 224],
    },
  };
  const { sizes, architecture } = readConfigJson(JSON.stringify(file), "config.json");
  assert.is(architecture, "deit_tiny_patch16_224");
  const input = { imageSize: 224, cropRatio: 0.9, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  assert.equal(sizes, { classes: 1000, ...input });
});

test("timm's model_args change the architecture that the name implies", () => {
  const file = {
    ...{ architecture: "vit_small_patch16_224", num_classes: 3, global_pool: "avg" },
    model_args: {
      ...{ img_size: 64, patch_size: [8, 8], embed_dim: 96, depth: 4, num_heads: 3, mlp_ratio: 2.5 },
      ...{ qkv_bias: false, init_values: 1e-5, reg_tokens: 4, no_embed_class: true, class_token: false },
      ...{ fc_norm: false, num_classes: 3, drop_path_rate: 0.1, dynamic_img_size: true },
    },
    pretrained_cfg: { interpolation: "bilinear", crop_mode: "squash", crop_pct: 1, input_size: [3, 64, 64] },
    label_names: ["n1", "bee", "cat"],
    label_descriptions: { n1: "ant, emmet", bee: "bee" },
  };
  const { sizes, labels } = readConfigJson(JSON.stringify(file), "config.json");
  assert.equal(sizes, {
    ...{ imageSize: 64, patchSize: 8, dim: 96, depth: 4, heads: 3, mlpDim: 240, classes: 3 },
    ...{ qkvBias: false, layerScale: 1e-5, registers: 4, prefixPositions: false, classToken: false },
    ...{ pool: "avg", poolNorm: false, interpolation: "bilinear", cropMode: "squash", cropRatio: 1 },
  });
  assert.equal(labels, ["ant, emmet, n1", "bee", "cat"]);
});

test("control characters of class names become spaces", () => {
  const id2label = { 0: "ant\u001b[31m", 1: "bee\nfly" };
  const { labels } = readConfigJson(JSON.stringify({ id2label }), "config.json");
  assert.equal(labels, ["ant [31m", "bee fly"]);
});

test("a width of its own brings its MLP, and the heads of the architecture", () => {
  const file = { architecture: "deit_tiny_patch16_224", model_args: { embed_dim: 96 } };
  const { sizes } = readConfigJson(JSON.stringify(file), "config.json");
  assert.equal(sizes, { dim: 96, mlpDim: 384 });
});

test("every part of a config reads back as it was written", () => {
  const parts: Partial<DeitConfig>[] = [
    { layerScale: 1e-4, prefixPositions: false, initializerRange: 0.07 },
    { registers: 4, classToken: false, pool: "avg", poolNorm: true },
    { qkvBias: false, interpolation: "lanczos", cropMode: "squash", cropRounding: "down" },
  ];
  for (const part of parts) {
    const config: DeitConfig = { ...CONFIG, ...part };
    const { sizes } = readConfigJson(writeConfigJson(config, ["a", "b"]), "config.json");
    assert.equal(completeConfig(sizes, "config.json"), config);
  }
});

test("an invalid file is refused with the field, its value and the allowed values", () => {
  const cases: [RegExp, string][] = [
    [/config.json: not a JSON object/, "{"],
    [/config.json: not a JSON object/, "[]"],
    [/model_type is "resnet"; allowed: regnety, regnet, deit, vit/, '{"model_type":"resnet"}'],
    [/hidden_size is -4; allowed: a number above 0/, '{"hidden_size":-4}'],
    [/hidden_size is 4.5; allowed: a whole number/, '{"hidden_size":4.5}'],
    [/image_size is \[32,64\]/, '{"image_size":[32,64]}'],
    [/hidden_act is "relu"; allowed: "gelu"/, '{"hidden_act":"relu"}'],
    [/num_channels is 1; allowed: 3/, '{"num_channels":1}'],
    [/image_mean is \[1,2\]; allowed: three numbers/, '{"image_mean":[1,2]}'],
    [/id2label is \["0","2"\]; allowed: a name for each index from 0 to 1/, '{"id2label":{"0":"a","2":"b"}}'],
    [/num_labels is 3; allowed: 1, the number of class names/, '{"num_labels":3,"id2label":{"0":"a"}}'],
    [
      /image_size is \[64,96\]; allowed: a whole number, or \[side, side\] of a square/,
      '{"image_size":[64,96]}',
    ],
    [/input_size is \[3,64,96\]/, '{"pretrained_cfg":{"input_size":[3,64,96]}}'],
    [/std is \[0.5,0,0.5\]; allowed: three numbers above 0/, '{"pretrained_cfg":{"std":[0.5,0,0.5]}}'],
    [/crop_pct is 2; allowed: 0.05 to 1/, '{"crop_pct":2}'],
    [/crop_mode is "fit"; allowed: center, squash, border/, '{"pretrained_cfg":{"crop_mode":"fit"}}'],
    [/interpolation is "random"; allowed: nearest, box/, '{"pretrained_cfg":{"interpolation":"random"}}'],
    [/global_pool is "map"; allowed: token, avg/, '{"global_pool":"map"}'],
    [/pre_norm is true; allowed: false/, '{"model_args":{"pre_norm":true}}'],
    [/model_args.mlp_layer is "x"; allowed: arguments of/, '{"model_args":{"mlp_layer":"x"}}'],
    [
      /problem_type is "multi_label_classification"; allowed: single_label/,
      '{"problem_type":"multi_label_classification"}',
    ],
    [/model_type is {"toString":1}/, '{"model_type":{"toString":1}}'],
    [/label_names is {"0":"a"}; allowed: a list/, '{"label_names":{"0":"a"}}'],
  ];
  for (const [expected, text] of cases) {
    try {
      readConfigJson(text, "config.json");
      assert.unreachable(text);
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === "model/config", String(error));
      assert.match((error as Error).message, expected);
    }
  }
});

test("a missing size without a default is named by its field", () => {
  const { dim: _, ...sizes } = CONFIG;
  assert.throws(() => completeConfig(sizes, "my.json"), /my.json: hidden_size is missing/);
});

test("a value nested too deeply to be shown is refused by the field's name", () => {
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  for (const field of ["model_type", "image_mean", "init_values"])
    assert.throws(
      () => readConfigJson(`{"model_type":"vit","${field}":${deep}}`, "my.json"),
      (error: unknown) =>
        isVitrineError(error) && error.message.startsWith(`my.json: ${field} is a list or object nested too`),
    );
});

test("an mlp_ratio among timm's arguments is of hidden_size as well", () => {
  const { sizes } = readConfigJson(
    JSON.stringify({ hidden_size: 64, model_args: { mlp_ratio: 2 } }),
    "config.json",
  );
  assert.is((sizes as { mlpDim?: number }).mlpDim, 128);
});

test.run();
