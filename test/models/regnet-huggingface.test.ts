// RegNet of transformers: RegNetForImageClassification's names, configuration and processor are read as the same model,
// and written as they are. The module tree is restated here from transformers' modeling_regnet.py.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { exportModel } from "../../runtime/model-files/export.js";
import { readModel, type StoredModel } from "../../runtime/model-files/stored-model.js";
import type { RegnetyConfig } from "../../runtime/models/regnety/config.js";
import {
  readSafetensors,
  type StoredTensor,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";
import type { NamedTensor, TensorMap } from "../../runtime/weights/tensor-map.js";
import { storedModel } from "../export/models.js";
import { Random } from "../nn/random.js";
import { SYNTHETIC_REGNETY, syntheticRegnety } from "./synthetic-regnety.js";

const CONFIG: RegnetyConfig = { ...SYNTHETIC_REGNETY, cropRatio: 0.875 };
const WEIGHTS = syntheticRegnety(CONFIG);

type Entry = [name: string, tensor: StoredTensor];

/** The state_dict of RegNetForImageClassification(config), with the values of a model under timm's names. */
function stateDict({ stages }: RegnetyConfig, weights: TensorMap): Map<string, StoredTensor> {
  const own = storedFloats(weights);
  const of = (name: string): StoredTensor => {
    const tensor = own.get(name);
    assert.ok(tensor, name);
    return tensor as StoredTensor;
  };
  // RegNetConvLayer and RegNetShortCut: a convolution without bias, then BatchNorm2d.
  const layer = (name: string, timm: string): Entry[] => [
    [`${name}.convolution.weight`, of(`${timm}.conv.weight`)],
    ...["weight", "bias", "running_mean", "running_var"].map(
      (part): Entry => [`${name}.normalization.${part}`, of(`${timm}.bn.${part}`)],
    ),
    [`${name}.normalization.num_batches_tracked`, { dtype: "I64", shape: [], data: BigInt64Array.of(9n) }],
  ];
  const linear = (name: string, timm: string): Entry[] =>
    ["weight", "bias"].map((part): Entry => [`${name}.${part}`, of(`${timm}.${part}`)]);
  const entries: Entry[] = layer("regnet.embedder.embedder", "stem");
  stages.forEach(({ depth }, stage) => {
    for (let index = 0; index < depth; index++) {
      const [name, timm] = [`regnet.encoder.stages.${stage}.layers.${index}`, `s${stage + 1}.b${index + 1}`];
      if (index === 0) entries.push(...layer(`${name}.shortcut`, `${timm}.downsample`));
      entries.push(
        ...layer(`${name}.layer.0`, `${timm}.conv1`),
        ...layer(`${name}.layer.1`, `${timm}.conv2`),
        // RegNetSELayer.attention: Conv2d, ReLU, Conv2d, Sigmoid.
        ...linear(`${name}.layer.2.attention.0`, `${timm}.se.fc1`),
        ...linear(`${name}.layer.2.attention.2`, `${timm}.se.fc2`),
        ...layer(`${name}.layer.3`, `${timm}.conv3`),
      );
    }
  });
  // nn.Sequential(Flatten, Linear).
  return new Map([...entries, ...linear("classifier.1", "head.fc")]);
}

/** As facebook/regnet-y-040 has them. */
const CONFIG_JSON = {
  architectures: ["RegNetForImageClassification"],
  depths: [1, 2],
  downsample_in_first_stage: true,
  embedding_size: 8,
  groups_width: 4,
  hidden_act: "relu",
  hidden_sizes: [8, 16],
  id2label: { 0: "ant", 1: "bee", 2: "cat", 3: "dog" },
  label2id: { ant: 0, bee: 1, cat: 2, dog: 3 },
  layer_type: "y",
  model_type: "regnet",
  num_channels: 3,
  torch_dtype: "float32",
};
const PREPROCESSOR_JSON = {
  ...{ crop_pct: 0.875, do_normalize: true, do_resize: true },
  feature_extractor_type: "ConvNextFeatureExtractor",
  ...{ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225], resample: 3, size: 32 },
};

function sourceOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  files: Record<string, object> = {
    "config.json": CONFIG_JSON,
    "preprocessor_config.json": PREPROCESSOR_JSON,
  },
): ModelSource {
  const bytes = writeSafetensors(new Map(tensors));
  const read = async (file: string) => {
    if (file === "model.safetensors") return bytes;
    return files[file] ? new TextEncoder().encode(JSON.stringify(files[file])) : null;
  };
  return { name: "regnet-y", location: "memory/regnet-y", read };
}

function assertSameWeights({ weights }: StoredModel): void {
  assert.equal([...weights.keys()].sort(), [...WEIGHTS.keys()].sort());
  for (const [name, { shape, data }] of WEIGHTS) {
    const found = weights.get(name) as NamedTensor;
    assert.equal(found.shape, shape, name);
    assert.equal(found.data, data, name);
  }
}

test("a folder of transformers is the model with its names, sizes, input and count of batches", async () => {
  const model = await readModel(sourceOf(stateDict(CONFIG, WEIGHTS)));
  assert.equal(model.config, { ...CONFIG, cropRounding: "down" });
  assert.equal(model.labels, ["ant", "bee", "cat", "dog"]);
  assert.is(model.batchesTracked, 9);
  assertSameWeights(model);
});

test("it computes what the same values under timm's names compute", async () => {
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
  const random = new Random(3);
  const pixels = Uint8Array.from({ length: 2 * 32 * 32 * 3 }, () => random.between(0, 255));
  const logits = async (model: StoredModel) =>
    (await (await loadModel(runtime, model)).logits(pixels, 2)).logits;
  const here = await logits(await readModel(sourceOf(stateDict(CONFIG, WEIGHTS))));
  assert.equal(here, await logits({ ...storedModel(CONFIG), weights: WEIGHTS }));
  await runtime.dispose();
});

test("a bare file is known by its names, and a backbone without prefix and head is taken for a new head", async () => {
  const tensors = stateDict(CONFIG, WEIGHTS);
  const bare = await readModel(sourceOf(tensors, {}));
  assert.equal([bare.config.classes, "stages" in bare.config && bare.config.stages], [4, CONFIG.stages]);
  assertSameWeights(bare);
  const backbone = new Map(
    [...tensors]
      .filter(([name]) => name.startsWith("regnet."))
      .map(([name, tensor]) => [name.replace("regnet.", ""), tensor]),
  );
  const headless = await readModel(sourceOf(backbone, {}), { headless: true });
  assert.equal([headless.labels, headless.config.classes], [[], 1]);
  assert.is(headless.weights.size, WEIGHTS.size - 2);
  await refused(backbone, {}, /missing-tensor: .*"head.fc.weight" is missing.*--init/);
});

async function refused(
  tensors: ReadonlyMap<string, StoredTensor>,
  files: Record<string, object>,
  expected: RegExp,
): Promise<void> {
  try {
    await readModel(sourceOf(tensors, files));
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    assert.match(`${error.code}: ${error.message}`, expected);
    return;
  }
  assert.unreachable("it was read");
}

test("RegNetX, another stride of the first stage and unknown tensors are refused by name", async () => {
  const tensors = stateDict(CONFIG, WEIGHTS);
  const config = (changes: object) => ({ "config.json": { ...CONFIG_JSON, ...changes } });
  await refused(tensors, config({ layer_type: "x" }), /layer_type is "x"; allowed: "y"/);
  await refused(
    tensors,
    config({ downsample_in_first_stage: false }),
    /downsample_in_first_stage is false; allowed: true/,
  );
  const odd = new Map(tensors).set("regnet.encoder.stages.0.layers.0.layer.2.convolution.bias", {
    dtype: "F32",
    shape: [1],
    data: new Float32Array(1),
  });
  await refused(odd, {}, /unknown-tensor: .*layer.2.convolution.bias" is not part of a RegNetY/);
});

test("export --format hf writes the state_dict and configuration of transformers, which come back", async () => {
  const model = { ...storedModel(CONFIG), weights: WEIGHTS, batchesTracked: 9 };
  const { content } = exportModel(model, "hf", "float32");
  const files = content as Map<string, Uint8Array<ArrayBuffer>>;
  const { tensors } = readSafetensors(files.get("model.safetensors") as Uint8Array<ArrayBuffer>, "hf");
  const wanted = stateDict(CONFIG, WEIGHTS);
  assert.equal([...tensors.keys()].sort(), [...wanted.keys()].sort());
  for (const [name, { shape, data }] of wanted) {
    assert.equal([...(tensors.get(name)?.shape ?? [])], [...shape], name);
    assert.equal([...(tensors.get(name)?.data ?? [])].map(Number), [...data].map(Number), name);
  }
  const fields = JSON.parse(new TextDecoder().decode(files.get("config.json")));
  const { id2label: _, label2id: _labels, torch_dtype: _dtype, ...sizes } = CONFIG_JSON;
  for (const [name, value] of Object.entries(sizes))
    if (name !== "downsample_in_first_stage") assert.equal(fields[name], value, name);
  const back = await readModel({
    ...{ name: "back", location: "memory/back" },
    read: async (file) => files.get(file) ?? null,
  });
  assert.equal({ ...back.config, cropRounding: undefined }, { ...CONFIG, cropRounding: undefined });
  assertSameWeights(back);
  assert.equal(exportModel(back, "hf", "float32").content, content);
});

test("what transformers' class has no field for is refused", () => {
  const refusal = (changes: Partial<RegnetyConfig>) => {
    const config = { ...CONFIG, ...changes };
    assert.throws(
      () => exportModel({ ...storedModel(config), config }, "hf", "float32"),
      (error: unknown) =>
        isVitrineError(error) && error.code === "export/unsupported" && /as hf/.test(error.message),
    );
  };
  refusal({ seRatio: 0.5 });
  refusal({ batchNormEpsilon: 1e-3 });
});

test.run();
