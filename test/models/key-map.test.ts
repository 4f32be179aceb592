// Key map: Hugging Face's names mean the same tensors as timm's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { toTimmNames } from "../../runtime/models/deit/key-map.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import type { NamedTensor, TensorMap } from "../../runtime/weights/tensor-map.js";

const TINY = { imageSize: 8, patchSize: 4, dim: 4, depth: 2, heads: 2, classes: 3 };

/** Random values for every parameter, so that no two tensors are alike. */
function randomModel(distilled: boolean): TensorMap {
  let state = 1;
  const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const shapes = deitParameters(completeConfig({ ...TINY, distilled }, "test"));
  return new Map(
    Array.from(shapes, ([name, shape]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next);
      return [name, { shape: [...shape], data }];
    }),
  );
}

/** transformers' names for layer 0, as its checkpoints have them, each with its timm counterpart. */
const LAYER = {
  layernorm_before: "norm1",
  "attention.output.dense": "attn.proj",
  layernorm_after: "norm2",
  "intermediate.dense": "mlp.fc1",
  "output.dense": "mlp.fc2",
};

function rows(tensor: NamedTensor, from: number, to: number): NamedTensor {
  const rowLength = tensor.data.length / (tensor.shape[0] as number);
  return {
    shape: [to - from, ...tensor.shape.slice(1)],
    data: tensor.data.slice(from * rowLength, to * rowLength),
  };
}

function toHuggingFace(model: TensorMap, distilled: boolean): TensorMap {
  const prefix = distilled ? "deit" : "vit";
  const get = (name: string) => model.get(name) as NamedTensor;
  const result: TensorMap = new Map();
  const put = (name: string, timm: string) => {
    result.set(name, get(timm));
  };
  put(`${prefix}.embeddings.cls_token`, "cls_token");
  put(`${prefix}.embeddings.position_embeddings`, "pos_embed");
  if (distilled) put("deit.embeddings.distillation_token", "dist_token");
  for (const kind of ["weight", "bias"]) {
    put(`${prefix}.embeddings.patch_embeddings.projection.${kind}`, `patch_embed.proj.${kind}`);
    for (let i = 0; i < TINY.depth; i++) {
      for (const [name, timm] of Object.entries(LAYER))
        put(`${prefix}.encoder.layer.${i}.${name}.${kind}`, `blocks.${i}.${timm}.${kind}`);
      ["query", "key", "value"].forEach((part, place) => {
        const name = `${prefix}.encoder.layer.${i}.attention.attention.${part}.${kind}`;
        result.set(name, rows(get(`blocks.${i}.attn.qkv.${kind}`), place * TINY.dim, (place + 1) * TINY.dim));
      });
    }
    put(`${prefix}.layernorm.${kind}`, `norm.${kind}`);
    put(`${distilled ? "cls_classifier" : "classifier"}.${kind}`, `head.${kind}`);
    if (distilled) put(`distillation_classifier.${kind}`, `head_dist.${kind}`);
  }
  return result;
}

for (const distilled of [false, true])
  test(`Hugging Face's ${distilled ? "distilled" : "plain"} names give timm's tensors, value for value`, () => {
    const model = randomModel(distilled);
    const mapped = toTimmNames(toHuggingFace(model, distilled), "file");
    assert.equal(new Map([...mapped].sort()), new Map([...model].sort()));
  });

test("timm's names stay as they are", () => {
  const model = randomModel(true);
  assert.equal(toTimmNames(model, "file"), model);
});

test("a pooler and a mask token are ignored", () => {
  const file = toHuggingFace(randomModel(false), false);
  const scalar = { shape: [1], data: new Float32Array(1) };
  file.set("vit.pooler.dense.weight", scalar);
  file.set("vit.embeddings.mask_token", scalar);
  assert.is(toTimmNames(file, "file").size, randomModel(false).size);
});

test("a distillation token without a head of its own is a register that no head reads", () => {
  const model = randomModel(true);
  const file = toHuggingFace(model, true);
  for (const kind of ["weight", "bias"]) {
    file.set(`classifier.${kind}`, file.get(`cls_classifier.${kind}`) as NamedTensor);
    for (const head of ["cls_classifier", "distillation_classifier"]) file.delete(`${head}.${kind}`);
  }
  const mapped = toTimmNames(file, "file");
  assert.equal(mapped.get("reg_token"), model.get("dist_token"));
  assert.equal(mapped.get("head.weight"), model.get("head.weight"));
  assert.not(mapped.has("dist_token") || mapped.has("head_dist.weight"));
});

test("a backbone alone has no prefix, and loses the parts of its pre-training", () => {
  const model = randomModel(false);
  const file = new Map(
    [...toHuggingFace(model, false)]
      .filter(([name]) => !name.startsWith("classifier"))
      .map(([name, tensor]) => [name.replace(/^vit\./, ""), tensor]),
  );
  file.set("decoder.decoder_pred.weight", { shape: [1], data: new Float32Array(1) });
  const headless = [...model].filter(([name]) => !name.startsWith("head"));
  assert.equal(new Map([...toTimmNames(file, "file")].sort()), new Map([...headless].sort()));
  const timm: TensorMap = new Map(headless);
  for (const name of ["mask_token", "decoder_embed.weight", "head.mlp.0.weight", "pre_logits.fc.weight"])
    timm.set(name, { shape: [1], data: new Float32Array(1) });
  assert.equal(toTimmNames(timm, "file"), new Map(headless));
});

test("facebook's gamma_1 and gamma_2 are LayerScale's factors", () => {
  const tensor = { shape: [4], data: Float32Array.of(1, 2, 3, 4) };
  const file: TensorMap = new Map([["blocks.11.gamma_2", tensor]]);
  assert.equal([...toTimmNames(file, "file").keys()], ["blocks.11.ls2.gamma"]);
});

test("parts of other architectures are refused by what they are", () => {
  for (const [name, part] of [
    ["pre_logits.fc.weight", "a tanh layer before the head"],
    ["norm_pre.weight", "a norm before the blocks"],
    ["blocks.0.attn.q_norm.weight", "normalized queries and keys"],
    ["blocks.0.attn.q_bias", "BEiT's attention"],
    ["blocks.3.mlp.fc1_g.weight", "a gated MLP"],
    ["attn_pool.latent", "attention pooling"],
    ["blocks.0.gamma_1_1", "parallel blocks"],
  ] as const) {
    const file = randomModel(false).set(name, { shape: [1], data: new Float32Array(1) });
    assert.throws(
      () => toTimmNames(file, "file"),
      new RegExp(`^file: tensor "${name}" belongs to ${part}`),
      name,
    );
  }
});

test("an unknown name and a missing key projection are named", () => {
  const file = toHuggingFace(randomModel(false), false);
  file.set("vit.encoder.layer.0.lora.weight", { shape: [1], data: new Float32Array(1) });
  assert.throws(
    () => toTimmNames(file, "file"),
    /file: tensor "vit.encoder.layer.0.lora.weight" is not part of a DeiT/,
  );
  const lost = toHuggingFace(randomModel(false), false);
  lost.delete("vit.encoder.layer.1.attention.attention.key.bias");
  assert.throws(() => toTimmNames(lost, "file"), /blocks.1.attn.qkv.bias needs query, key and value/);
});

test.run();
