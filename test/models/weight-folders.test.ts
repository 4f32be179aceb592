// Weight folders: models whose weights are in several files, in PyTorch's, or claim more than they hold.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { dict, storage, tensor, torchZip } from "../weights/torch-bytes.js";
import { SYNTHETIC, syntheticWeights } from "./synthetic-model.js";
import { LABELS } from "./synthetic-regnety.js";

type Files = Record<string, Uint8Array<ArrayBuffer> | string>;

const CONFIG = writeConfigJson(SYNTHETIC, LABELS);

function source(files: Files): ModelSource {
  const read = async (file: string): Promise<Uint8Array<ArrayBuffer> | null> => {
    const content = Object.hasOwn(files, file) ? files[file] : null;
    return typeof content === "string" ? new TextEncoder().encode(content) : content;
  };
  return { name: "made", location: "memory/made", read };
}

const withoutHeads = (weights: TensorMap): TensorMap =>
  new Map([...weights].filter(([name]) => !name.startsWith("head")));

test("a backbone without a head is refused, and read for a training that makes a new head", async () => {
  const weights = withoutHeads(syntheticWeights({ ...SYNTHETIC, distilled: false }));
  const plain = { "model.safetensors": written(weights) };
  const text = await failure(plain);
  assert.match(text, /^weights\/missing-tensor: .*a backbone without a head.*vitrine train --init/);
  const read = await readModel(source(plain), { headless: true });
  assert.equal([(read.config as DeitConfig).dim, read.config.classes, read.labels], [64, 1, []]);
  assert.equal(read.weights, weights);
  const timm = JSON.stringify({ architecture: "deit_mine", num_classes: 0, model_args: { num_heads: 2 } });
  const named = await readModel(source({ ...plain, "config.json": timm }), { headless: true });
  assert.is((named.config as DeitConfig).heads, 2);
});

async function failure(files: Files): Promise<string> {
  try {
    await readModel(source(files));
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "read";
}

const written = (weights: TensorMap) => writeSafetensors(storedFloats(weights));

function indexOf(files: readonly (readonly [string, TensorMap])[]): string {
  const map = files.flatMap(([file, weights]) => Array.from(weights.keys(), (name) => [name, file]));
  return JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(map) });
}

function shards(): Files {
  const all = [...syntheticWeights(SYNTHETIC)];
  const parts = [
    ["model-00001-of-00002.safetensors", new Map(all.slice(0, 7))],
    ["model-00002-of-00002.safetensors", new Map(all.slice(7))],
  ] as const;
  const files = Object.fromEntries(parts.map(([file, weights]) => [file, written(weights)]));
  return { ...files, "model.safetensors.index.json": indexOf(parts), "config.json": CONFIG };
}

test("weights in several files are the same model", async () => {
  const { weights } = await readModel(source(shards()));
  assert.equal(Object.fromEntries(weights), Object.fromEntries(syntheticWeights(SYNTHETIC)));
});

test("an index that names a missing file, a file elsewhere, or a tensor twice is refused", async () => {
  const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const { [second]: _, ...missing } = shards();
  assert.match(await failure(missing), /^model\/no-model: .*no model-00002-of-00002.safetensors, which/);
  const index = JSON.stringify({ weight_map: { a: "../secret.safetensors" } });
  assert.match(
    await failure({ ...shards(), "model.safetensors.index.json": index }),
    /^model\/config: .*weight_map is "\.\.\/secret.safetensors"/,
  );
  assert.match(
    await failure({ ...shards(), [second]: shards()[first] }),
    /^weights\/duplicate-tensor: .* is in two files/,
  );
});

test("pytorch_model.bin is read where there is no safetensors file", async () => {
  const made = [...syntheticWeights(SYNTHETIC)];
  const views = made.map(([name, { shape, data }], key) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    return [name, tensor(storage("FloatStorage", String(key), data.length), shape, strides)];
  });
  const storages = made.map(([, { data }], key) => [String(key), new Uint8Array(data.slice().buffer)]);
  const bytes = torchZip(dict(Object.fromEntries(views)), Object.fromEntries(storages));
  const { weights } = await readModel(source({ "pytorch_model.bin": bytes, "config.json": CONFIG }));
  assert.equal(Object.fromEntries(weights), Object.fromEntries(made));
});

test("preprocessor_config.json beside a complete config.json: its values are checked, and not used", async () => {
  const files = { "model.safetensors": written(syntheticWeights(SYNTHETIC)), "config.json": CONFIG };
  const beside = (fields: object) => ({ ...files, "preprocessor_config.json": JSON.stringify(fields) });
  assert.match(
    await failure(beside({ resample: -1 })),
    /^model\/config: .*resample is -1; allowed: 0 \(nearest\)/,
  );
  assert.match(await failure(beside({ image_std: 0 })), /^model\/config: .*image_std is/);
  assert.match(await failure(beside({ size: "x" })), /^model\/config: .*size is "x"/);
  const { config } = await readModel(source(beside({ size: 224, resample: 2, image_mean: 0.5 })));
  assert.equal(config, SYNTHETIC);
});

test("sizes that do not fit each other are refused by file and field", async () => {
  const files = { "model.safetensors": written(syntheticWeights(SYNTHETIC)) };
  const odd = CONFIG.replace(/("num_attention_heads": *)\d+/, "$15");
  assert.match(
    await failure({ ...files, "config.json": odd }),
    /^model\/config: memory\/made: config\.json: hidden_size is 64; allowed: a multiple of num_attention_heads, which is 5$/,
  );
});

test("NaN and infinity are refused by the tensor's name", async () => {
  for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
    const weights = syntheticWeights(SYNTHETIC);
    weights.get("norm.bias")?.data.set([value], 3);
    const text = await failure({ "model.safetensors": written(weights), "config.json": CONFIG });
    assert.ok(text.startsWith(`weights/not-finite: memory/made: tensor "norm.bias" holds ${value}`), text);
  }
});

test("a claim of more blocks than there are tensors is refused before a list of them is made", async () => {
  const start = performance.now();
  const weights = syntheticWeights(SYNTHETIC);
  const deep = CONFIG.replace(/("num_hidden_layers": *)\d+/, "$13000000");
  assert.match(
    await failure({ "model.safetensors": written(weights), "config.json": deep }),
    /^weights\/missing-tensor: .*3000000 blocks/,
  );
  weights.set("blocks.99999999.norm1.weight", { shape: [1], data: new Float32Array(1) });
  assert.match(
    await failure({ "model.safetensors": written(weights) }),
    /^weights\/missing-tensor: .*100000000 blocks/,
  );
  assert.ok(performance.now() - start < 5000);
});

test.run();
