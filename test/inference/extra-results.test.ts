// Extra results: normalized values give the bits of the pixels that they were made from, embeddings are what the head
// reads, attention is that of each image; all on one copy of the weights.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createAttention } from "../../runtime/inference/attention.js";
import { hasAttention } from "../../runtime/inference/attention-program.js";
import { createInference } from "../../runtime/inference/program.js";
import { normalizationTable } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { familyOf } from "../../runtime/models/families.js";
import type { ModelConfig } from "../../runtime/models/model-config.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { toDtype } from "../../runtime/weights/weight-dtype.js";
import { MICRO, randomPixels, randomWeights } from "../executors/micro-deit.js";
import { SYNTHETIC_REGNETY, syntheticRegnety } from "../models/synthetic-regnety.js";
import { assertClose, assertSameBits } from "../nn/compare.js";

const DEIT: DeitConfig = { ...MICRO, distilled: false };

/** Pixels [count, size, size, 3] → values [count, 3, size, size], as torchvision's ToTensor and Normalize make them. */
function normalized(config: ModelConfig, pixels: Uint8Array, count: number): Float32Array {
  const table = normalizationTable(config);
  const area = config.imageSize ** 2;
  return Float32Array.from({ length: pixels.length }, (_, place) => {
    const image = Math.floor(place / (3 * area));
    const channel = Math.floor(place / area) % 3;
    const at = place % area;
    assert.ok(image < count);
    return table[channel * 256 + (pixels[(image * area + at) * 3 + channel] as number)] as number;
  });
}

const MODELS: [name: string, config: ModelConfig, weights: TensorMap][] = [
  ["one head", DEIT, randomWeights(DEIT, 1)],
  ["two heads", MICRO, randomWeights(MICRO, 1)],
  ["average pooling", { ...DEIT, pool: "avg" }, randomWeights({ ...DEIT, pool: "avg" }, 1)],
  ["a convnet", SYNTHETIC_REGNETY, syntheticRegnety(SYNTHETIC_REGNETY)],
];

for (const [name, config, weights] of MODELS)
  test(`${name}: pixels, values, with and without extra results, give the same bits`, async () => {
    const executor = await createWasmExecutor(nodeHost());
    const inference = await createInference(executor, config, weights, { batchSizes: [1, 2, 4] });
    const attention = hasAttention(familyOf(config), config);
    for (const count of [1, 3, 7]) {
      const pixels = randomPixels(config as DeitConfig, count, 3);
      const values = normalized(config, pixels, count);
      const expected = await inference.logits(pixels, count);
      const answers = [];
      for (const images of [pixels, values])
        for (const extra of [{}, { embeddings: true }, { embeddings: true, attention }])
          answers.push(await (await inference.submit(images, count, extra)).outcome);
      for (const [place, answer] of answers.entries()) {
        const what = `${count} images, answer ${place}`;
        assertSameBits(answer.logits, expected.logits, what);
        assertSameBits(answer.classLogits, expected.classLogits, what);
        assert.is(answer.embeddings !== undefined, place % 3 > 0, what);
        assert.is(answer.attention !== undefined, attention && place % 3 === 2, what);
      }
      const [, first, second, , third, fourth] = answers;
      for (const other of [second, third, fourth])
        assertSameBits(other?.embeddings as Float32Array, first?.embeddings as Float32Array, "embeddings");
      if (attention)
        assertSameBits(
          fourth?.attention?.values as Float32Array,
          second?.attention?.values as Float32Array,
          "attention",
        );
    }
    inference.dispose();
    await executor.dispose();
  });

/** weight · features + bias for each row. */
function headOf(weights: TensorMap, name: string, features: Float32Array, classes: number): Float32Array {
  const weight = weights.get(`${name}.weight`)?.data as Float32Array;
  const bias = weights.get(`${name}.bias`)?.data as Float32Array;
  const width = weight.length / classes;
  return Float32Array.from({ length: (features.length / width) * classes }, (_, place) => {
    const [row, index] = [Math.floor(place / classes), place % classes];
    let sum = bias[index] as number;
    for (let k = 0; k < width; k++)
      sum += (weight[index * width + k] as number) * (features[row * width + k] as number);
    return sum;
  });
}

for (const [name, config, weights] of MODELS)
  test(`${name}: the head makes the logits of the embeddings`, async () => {
    const executor = await createWasmExecutor(nodeHost());
    const [head, other] = familyOf(config).headNames(config);
    const same = new Map(weights);
    // With equal heads, the mean of the logits is the head's of the mean of the features.
    if (other !== undefined)
      for (const part of ["weight", "bias"]) {
        const tensor = weights.get(`${head}.${part}`);
        if (tensor) same.set(`${other}.${part}`, tensor);
      }
    const inference = await createInference(executor, config, same, { batchSizes: [2] });
    const pixels = randomPixels(config as DeitConfig, 3, 5);
    const { logits, embeddings } = await (await inference.submit(pixels, 3, { embeddings: true })).outcome;
    const expected = headOf(same, head as string, embeddings as Float32Array, config.classes);
    assertClose(logits, expected, 1e-4, "logits");
    await executor.dispose();
  });

test("the attention of each image is that of a program for it alone", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const weights = randomWeights(MICRO, 1);
  const alone = await createAttention(executor, MICRO, weights);
  const inference = await createInference(executor, MICRO, weights, { batchSizes: [4] });
  const pixels = randomPixels(MICRO, 3, 6);
  const { attention } = await (await inference.submit(pixels, 3, { attention: true })).outcome;
  const area = (attention?.grid ?? 0) ** 2;
  for (let image = 0; image < 3; image++) {
    const length = pixels.length / 3;
    const map = await alone?.rollout(pixels.subarray(image * length, (image + 1) * length));
    assert.is(map?.grid, attention?.grid);
    const values = attention?.values.subarray(image * area, (image + 1) * area) as Float32Array;
    assertSameBits(values, map?.values as Float32Array, `image ${image}`);
  }
  await executor.dispose();
});

/** The executor, with what is made on it counted. */
function counting(executor: Executor) {
  const made = { stores: 0, programs: 0 };
  const counted: Executor = Object.create(executor, {
    createStore: {
      value: (layout: Parameters<Executor["createStore"]>[0]) => {
        made.stores++;
        return executor.createStore(layout);
      },
    },
    compile: {
      value: (...given: Parameters<Executor["compile"]>) => {
        made.programs++;
        return executor.compile(...given);
      },
    },
    capabilities: { get: () => executor.capabilities },
    device: { value: executor.device },
  });
  return { made, counted };
}

test("programs are compiled when they are first asked for, once, and the weights are never copied", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const { made, counted } = counting(executor);
  const inference = await createInference(counted, MICRO, randomWeights(MICRO, 1), { batchSizes: [1, 2, 4] });
  assert.equal(made, { stores: 1, programs: 3 });
  const pixels = randomPixels(MICRO, 4, 7);
  const values = normalized(MICRO, pixels, 4);
  const submit = async (images: Uint8Array | Float32Array, extra = {}) => {
    await (await inference.submit(images, 4, extra)).outcome;
    return made.programs;
  };
  assert.is(await submit(pixels), 3);
  assert.is(await submit(values), 4, "batches of 4");
  assert.is(await submit(pixels, { embeddings: true }), 5);
  assert.is(await submit(pixels, { embeddings: true, attention: true }), 6, "attention");
  for (let repeat = 0; repeat < 3; repeat++) {
    await submit(values);
    await submit(pixels, { embeddings: true, attention: true });
  }
  assert.equal(made, { stores: 1, programs: 6 });
  await executor.dispose();
});

test("int8 models give them too, with the bits of their own logits", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const layers = familyOf(MICRO).int8Layers(MICRO);
  const { weights, matrices } = toDtype(randomWeights(MICRO, 1), "int8", layers);
  const inference = await createInference(executor, MICRO, weights, { batchSizes: [2], matrices });
  const pixels = randomPixels(MICRO, 2, 8);
  const { logits } = await inference.logits(pixels, 2);
  const extra = { embeddings: true, attention: true };
  for (const images of [pixels, normalized(MICRO, pixels, 2)]) {
    const answer = await (await inference.submit(images, 2, extra)).outcome;
    assertSameBits(answer.logits, logits, "logits");
    assert.is(answer.embeddings?.length, 2 * MICRO.dim);
    assert.ok((answer.attention?.grid ?? 0) > 0);
  }
  await executor.dispose();
});

test("images of another size, and the attention of a convnet, are refused by name", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const inference = await createInference(executor, SYNTHETIC_REGNETY, syntheticRegnety(SYNTHETIC_REGNETY), {
    batchSizes: [1],
  });
  const codeOf = async (images: Uint8Array | Float32Array, extra = {}) => {
    try {
      await inference.submit(images, 1, extra);
    } catch (error) {
      if (isVitrineError(error)) return error.code;
      throw error;
    }
    return "no error";
  };
  const length = SYNTHETIC_REGNETY.imageSize ** 2 * 3;
  assert.is(await codeOf(new Float32Array(length - 1)), "image/size");
  assert.is(await codeOf(new Uint8Array(length), { attention: true }), "device/unsupported");
  await executor.dispose();
});

test.run();
