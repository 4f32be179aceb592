// RegNetY: published sizes, its config.json in both forms, sizes read from checkpoints, and what is refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { readModel, readTrainableModel } from "../../runtime/model-files/stored-model.js";
import { readFamilyFile, writeConfigJson } from "../../runtime/models/families.js";
import { publishedRegnety, REGNETY_NAMES, type RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { REGNETY } from "../../runtime/models/regnety/family.js";
import { foldedParameters, foldRegnety } from "../../runtime/models/regnety/folding.js";
import {
  fromChannelsLast,
  regnetyParameters,
  toChannelsLast,
} from "../../runtime/models/regnety/parameters.js";
import { isBuffer } from "../../runtime/weights/tensor-map.js";
import { syntheticPhoto } from "./synthetic-model.js";
import { LABELS, regnetySource, SYNTHETIC_REGNETY, syntheticRegnety } from "./synthetic-regnety.js";

async function messageOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const JSON_TEXT = writeConfigJson(SYNTHETIC_REGNETY, LABELS);

test("published RegNetYs have as many parameters as timm's", () => {
  const counts: readonly [name: string, parameters: number][] = [
    ["regnety_002", 3_162_996],
    ["regnety_004", 4_344_144],
    ["regnety_040", 20_646_656],
    ["regnety_080", 39_180_068],
    ["regnety_120", 51_822_544],
    ["regnety_160", 83_590_140],
  ];
  for (const [name, expected] of counts) {
    const shapes = regnetyParameters(publishedRegnety(name) as RegnetyConfig);
    const sizes = Array.from(shapes).filter(([tensor]) => !isBuffer(tensor));
    const count = sizes.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b), 0);
    assert.is(count, expected, name);
  }
  assert.is(REGNETY_NAMES.length, 12);
  assert.is(publishedRegnety("regnety_999"), undefined);
  assert.is(publishedRegnety("toString"), undefined);
});

const readRegnety = (text: string, subject: string) => readFamilyFile(text, subject, [REGNETY]);

test("a written config.json reads back the same, and the paper's parameters give the same sizes", () => {
  const { sizes, labels } = readRegnety(JSON_TEXT, "made");
  assert.equal({ ...sizes, batchNormEpsilon: 1e-5 }, SYNTHETIC_REGNETY);
  assert.equal(labels, LABELS);
  const design = { model_type: "regnety", w0: 200, wa: 106.23, wm: 2.48, group_w: 112, depth: 18 };
  assert.equal(readRegnety(JSON.stringify(design), "16GF").sizes.stages, [
    { width: 224, depth: 2 },
    { width: 448, depth: 4 },
    { width: 1232, depth: 11 },
    { width: 3024, depth: 1 },
  ]);
});

test("an invalid field is named with the allowed values", async () => {
  const cases: readonly [fields: object, expected: RegExp][] = [
    [
      { hidden_sizes: [8, "a"], depths: [1, 1] },
      /hidden_sizes is \[8,"a"\]; allowed: a list of whole numbers/,
    ],
    [{ hidden_sizes: [8, 16], depths: [1] }, /depths is \[1\]; allowed: 2 numbers, as in hidden_sizes/],
    [{ layer_type: "x" }, /layer_type is "x"; allowed: "y"/],
    [{ bottle_ratio: 2 }, /bottle_ratio is 2; allowed: 1/],
    [{ num_labels: 3, id2label: { 0: "a" } }, /num_labels is 3; allowed: 1, the number of names in id2label/],
  ];
  for (const [fields, expected] of cases)
    assert.match(
      await messageOf(() => readRegnety(JSON.stringify({ model_type: "regnety", ...fields }), "file")),
      expected,
    );
  const source = regnetySource(
    "odd",
    syntheticRegnety(SYNTHETIC_REGNETY),
    '{"model_type": "regnety", "groups_width": 5}',
  );
  assert.match(
    await messageOf(() => readModel(source)),
    /model\/config: .*a stage's width is 8, it must be a multiple of the group width 5/,
  );
});

test("a checkpoint determines all sizes but the image's; names may have the prefix of Facebook's teacher", async () => {
  const weights = syntheticRegnety(SYNTHETIC_REGNETY);
  const { config } = await readModel(regnetySource("any-name", weights));
  assert.equal(config, { ...SYNTHETIC_REGNETY, imageSize: 224 });
  const wrapped = new Map(Array.from(weights, ([name, tensor]) => [`model.${name}`, tensor]));
  const opened = await readModel(
    regnetySource("teacher", wrapped, '{"model_type": "regnety", "image_size": 32}'),
  );
  assert.equal(opened.config, SYNTHETIC_REGNETY);
  assert.equal([...opened.weights.keys()].sort(), [...weights.keys()].sort());
});

test("a missing tensor, one too many and one of another shape are named", async () => {
  const change = async (edit: (weights: ReturnType<typeof syntheticRegnety>) => unknown) => {
    const weights = syntheticRegnety(SYNTHETIC_REGNETY);
    edit(weights);
    return messageOf(() => readModel(regnetySource("cut", weights, JSON_TEXT)));
  };
  assert.match(
    await change((weights) => weights.delete("s2.b1.conv2.bn.running_var")),
    /weights\/missing-tensor: .*"s2.b1.conv2.bn.running_var" is missing/,
  );
  assert.match(
    await change((weights) => weights.set("extra", { shape: [1], data: new Float32Array(1) })),
    /weights\/unknown-tensor: .*"extra"/,
  );
  assert.match(
    await change((weights) => weights.set("head.fc.bias", { shape: [5], data: new Float32Array(5) })),
    /weights\/shape: .*"head.fc.bias" has shape \[5\], expected \[4\]/,
  );
  assert.match(
    await change((weights) => weights.delete("stem.conv.weight")),
    /weights\/missing-tensor: .*not a RegNetY: tensor "stem.conv.weight" is missing/,
  );
});

test("a folded convolution is the convolution and its batch norm in one", () => {
  const weights = syntheticRegnety(SYNTHETIC_REGNETY);
  const folded = foldRegnety(SYNTHETIC_REGNETY, weights);
  const shapes = Array.from(folded, ([name, { shape }]) => [name, shape] as const);
  assert.equal(new Map(shapes), foldedParameters(SYNTHETIC_REGNETY));
  const values = (name: string) => weights.get(name)?.data as Float32Array;
  const of = (part: string) => values(`stem.bn.${part}`)[3] as number;
  const factor = of("weight") / Math.sqrt(of("running_var") + 1e-5);
  const bias = folded.get("stem.conv.bias")?.data[3] as number;
  assert.ok(Math.abs(bias - (of("bias") - of("running_mean") * factor)) < 1e-6);
  // Channel 2 at row 1, column 0 of output 3.
  const from = values("stem.conv.weight")[((3 * 3 + 2) * 3 + 1) * 3] as number;
  const to = folded.get("stem.conv.weight")?.data[((3 * 3 + 1) * 3 + 0) * 3 + 2] as number;
  assert.ok(Math.abs(to - from * factor) < 1e-6);
});

test("conversion to channels last and back changes nothing", () => {
  const weights = syntheticRegnety(SYNTHETIC_REGNETY);
  const channelsLast = new Map(Array.from(weights, ([name, tensor]) => [name, toChannelsLast(tensor)]));
  assert.equal(channelsLast.get("stem.conv.weight")?.shape, [8, 3, 3, 3]);
  assert.equal(channelsLast.get("s2.b1.conv2.conv.weight")?.shape, [16, 3, 3, 4]);
  assert.equal(fromChannelsLast(channelsLast, regnetyParameters(SYNTHETIC_REGNETY)), weights);
});

test("a RegNetY classifies pictures; the batch changes no bit of an answer", async () => {
  const runtime = await createRuntime({ host: nodeHost() });
  const source = regnetySource("convnet", syntheticRegnety(SYNTHETIC_REGNETY), JSON_TEXT);
  const model = await loadModel(runtime, source, { batchSizes: [1, 3] });
  const photos = [1, 2, 3].map((seed) => syntheticPhoto(seed));
  const together = await model.classify(photos, { topK: 4 });
  for (const [place, photo] of photos.entries()) {
    assert.equal(await model.classify([photo], { topK: 4 }), [together[place]]);
    assert.equal(together[place]?.map(({ label }) => label).sort(), [...LABELS].sort());
  }
  assert.ok(REGNETY.hasConfig(model.config));
  const shapes = Array.from(regnetyParameters(SYNTHETIC_REGNETY)).filter(([name]) => !isBuffer(name));
  const parameters = shapes.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b), 0);
  assert.is(model.parameters, parameters, "running statistics are no parameters");
  assert.is.not(together[0]?.[0]?.probability, together[1]?.[0]?.probability);
  model.dispose();
  await runtime.dispose();
});

test("a RegNetY cannot be trained, and the error says so", async () => {
  const source = regnetySource("convnet", syntheticRegnety(SYNTHETIC_REGNETY), JSON_TEXT);
  assert.match(
    await messageOf(() => readTrainableModel(source)),
    /model\/config: .*model_type is "regnety"; allowed: deit, vit \(a RegNetY can classify and teach; what can be trained is DeiT/,
  );
});

test.run();
