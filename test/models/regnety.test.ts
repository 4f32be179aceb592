// RegNetY: published sizes, its config.json in both forms, sizes read from checkpoints, and what is refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { loadModel } from "../../runtime/load-model.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { readFamilyFile, writeConfigJson } from "../../runtime/models/families.js";
import { publishedRegnety, REGNETY_NAMES, type RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { REGNETY } from "../../runtime/models/regnety/family.js";
import { foldedParameters, foldRegnety } from "../../runtime/models/regnety/folding.js";
import { initialWeights } from "../../runtime/models/regnety/initialization.js";
import {
  channelsLastShape,
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

function readRegnety(text: string, subject: string) {
  const { family, sizes, labels } = readFamilyFile(text, subject);
  assert.is(family, REGNETY);
  return { sizes: sizes as Partial<RegnetyConfig>, labels };
}

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

test("fields with one value may be stated", () => {
  const design = {
    model_type: "regnety",
    num_channels: 3,
    layer_type: "y",
    bottle_ratio: 1,
    hidden_act: "relu",
  };
  assert.equal(
    readRegnety(JSON.stringify(design), "stated").sizes,
    readRegnety('{"model_type": "regnety"}', "none").sizes,
  );
});

test("an invalid field is named with the allowed values", async () => {
  const cases: readonly [fields: object, expected: RegExp][] = [
    [
      { hidden_sizes: [8, "a"], depths: [1, 1] },
      /hidden_sizes is \[8,"a"\]; allowed: a list of whole numbers/,
    ],
    [{ hidden_sizes: [8, 16], depths: [1] }, /depths is \[1\]; allowed: 2 numbers, as in hidden_sizes/],
    [{ layer_type: "x" }, /layer_type is "x"; allowed: "y"/],
    [{ num_channels: 4 }, /num_channels is 4; allowed: 3/],
    [{ bottle_ratio: 2 }, /bottle_ratio is 2; allowed: 1/],
    [{ num_labels: 3, id2label: { 0: "a" } }, /num_labels is 3; allowed: 1, the number of class names/],
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
    /model\/config: .*hidden_sizes\[0\] is 8; allowed: a multiple of the group width 5/,
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
  for (const tensor of weights.values()) {
    const stored = toChannelsLast(tensor);
    assert.equal(stored.shape, channelsLastShape(tensor.shape));
    assert.equal(fromChannelsLast(stored.data, tensor.shape), tensor);
  }
  assert.equal(channelsLastShape([16, 4, 3, 3]), [16, 3, 3, 4]);
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

test("a new RegNetY is drawn as timm draws it, the same from the same seed", async () => {
  const { math } = await createImageModule(nodeHost());
  const config = publishedRegnety("regnety_002") as RegnetyConfig;
  const weights = initialWeights(config, 7, math);
  assert.equal([...weights.keys()], [...regnetyParameters(config).keys()]);
  const of = (name: string) => weights.get(name)?.data as Float32Array;
  const deviation = (name: string) =>
    Math.sqrt(of(name).reduce((sum, x) => sum + x * x, 0) / of(name).length);
  const close = (name: string, wanted: number) => {
    const relative = Math.abs(deviation(name) / wanted - 1);
    assert.ok(relative < 0.05, `${name}: ${deviation(name)}, wanted ${wanted}`);
  };
  // Fan-out of the whole convolution, 2/(outputs·K·K), also where it is in groups of 8.
  close("stem.conv.weight", Math.sqrt(2 / (32 * 9)));
  close("s4.b2.conv2.conv.weight", Math.sqrt(2 / (368 * 9)));
  close("s4.b2.conv1.conv.weight", Math.sqrt(2 / 368));
  close("s4.b2.se.fc1.weight", Math.sqrt(2 / 92));
  close("head.fc.weight", 0.01);
  const bound = 1 / Math.sqrt(368);
  const bias = of("s4.b2.se.fc1.bias");
  assert.ok(bias.every((x) => Math.abs(x) <= bound) && bias.some((x) => Math.abs(x) > bound / 2));
  const all = (name: string, value: number) =>
    assert.ok(
      of(name).every((x) => x === value),
      name,
    );
  for (const name of ["stem.bn.weight", "s1.b1.conv2.bn.weight", "s1.b1.conv3.bn.running_var"]) all(name, 1);
  for (const name of ["s1.b1.conv3.bn.weight", "stem.bn.running_mean", "stem.bn.bias", "head.fc.bias"])
    all(name, 0);
  assert.equal(initialWeights(config, 7, math), weights);
  assert.not.equal(initialWeights(config, 8, math).get("stem.conv.weight"), weights.get("stem.conv.weight"));
});

test("a config.json alone is checked before a list of tensors is made", () => {
  const complete = (sizes: Partial<RegnetyConfig>) => () => {
    REGNETY.checkConfig(REGNETY.completeConfig({ classes: 2, ...sizes }, "given.json"));
  };
  assert.throws(
    complete({ groupWidth: 8 }),
    /given.json: hidden_sizes with depths, or w0 with .* is missing/,
  );
  assert.throws(complete({ stages: [{ width: 8, depth: 1 }] }), /given.json: groups_width is missing/);
  const endless = [{ width: 8, depth: 1e9 }];
  assert.throws(
    complete({ groupWidth: 8, stages: endless }),
    /depths\[0\] is 1000000000; allowed: a whole number from 1 to 1000/,
  );
});

test.run();
