// Served model: an engine on a real network with real decode threads gives the bits that the library gives, from every
// kind of input.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import { normalizationTable } from "../../runtime/models/config.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { ModelEngine, RequestImages } from "../../server/inference/contract.js";
import { createEngine } from "../../server/inference/engine/engine.js";
import {
  createPictureThreads,
  type PictureThreads,
} from "../../server/inference/pictures/picture-threads.js";
import { makeTinyModel, TINY, wavesJpeg } from "../inference/tiny-model.js";
import { assertSameBits } from "../nn/compare.js";
import { plainPng } from "./drawn-files.js";

const COUNT = 9;
const AREA = TINY.imageSize ** 2;
const tiny = makeTinyModel();
let runtime: Runtime;
let model: Model;
let pictures: PictureThreads;
let engine: ModelEngine;

test.before(async () => {
  runtime = await createRuntime({ host: nodeHost(), device: "wasm", background: true });
  model = await loadModel(runtime, nodeModelSource(tiny.folder), { batchSizes: [1, 2, 4] });
  pictures = await createPictureThreads({ threads: 2, maxPixels: 2 ** 26 });
  const limits = {
    maxBatch: 4,
    maxQueue: 100,
    maxImages: 50,
    queueDelayUs: 0,
    maxMessageBytes: 1 << 20,
    maxPixels: 2 ** 26,
    decodeTimeoutMs: 60_000,
  };
  engine = createEngine({ ...model, device: "wasm" }, { version: "1", limits, pictures });
});

test.after(async () => {
  await engine.close();
  await pictures.close();
  model.dispose();
  await runtime.dispose();
  tiny.remove();
});

const files: Uint8Array[] = Array.from({ length: COUNT }, (_, seed) => wavesJpeg(seed));

async function pixelsOf(files: readonly Uint8Array[]): Promise<Uint8Array> {
  const pixels = new Uint8Array(files.length * AREA * 3);
  for (const [image, file] of files.entries()) pixels.set(await model.readPicture(file), image * AREA * 3);
  return pixels;
}

/** As torchvision's ToTensor and Normalize. */
function valuesOf(pixels: Uint8Array): Float32Array {
  const table = normalizationTable(TINY);
  const values = new Float32Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) {
    const [image, pixel, channel] = [Math.floor(at / (3 * AREA)), Math.floor(at / 3) % AREA, at % 3];
    values[(image * 3 + channel) * AREA + pixel] = table[channel * 256 + (pixels[at] as number)] as number;
  }
  return values;
}

const infer = (images: RequestImages, extra = {}) =>
  engine.infer({
    images,
    extra,
    priority: 5,
    life: { deadline: Date.now() + 60_000, signal: new AbortController().signal },
  });

test("pictures, pixels and normalized values give the library's logits, byte for byte, with all extra results", async () => {
  const pixels = await pixelsOf(files);
  const expected = await model.logits(pixels, COUNT);
  const requests: RequestImages[] = [
    { kind: "pictures", files },
    { kind: "pixels", count: COUNT, data: pixels },
    { kind: "values", count: COUNT, data: valuesOf(pixels) },
  ];
  assert.equal(engine.facts.extra, { embeddings: true, attention: true });
  const plain = await Promise.all(requests.map((images) => infer(images)));
  const rich = await Promise.all(
    requests.map((images) => infer(images, { embeddings: true, attention: true })),
  );
  for (const { logits, count } of [...plain, ...rich]) {
    assert.is(count, COUNT);
    for (const head of ["logits", "classLogits", "distillationLogits"] as const)
      assertSameBits(logits[head] as Float32Array, expected[head] as Float32Array, head);
  }
  for (const answer of plain) assert.equal([answer.embeddings, answer.attention], [undefined, undefined]);
  const [first] = rich;
  assert.is(first?.embeddings?.length, COUNT * TINY.dim);
  assert.is(first?.attention?.values.length, COUNT * (first?.attention?.grid ?? 0) ** 2);
  for (const answer of rich) {
    assertSameBits(answer.embeddings as Float32Array, first?.embeddings as Float32Array, "embeddings");
    assertSameBits(
      answer.attention?.values as Float32Array,
      first?.attention?.values as Float32Array,
      "attention",
    );
  }
});

test("requests of every kind and size at once get their own answers, large pictures among them", async () => {
  const large = plainPng(4200, 4200);
  const black = await model.logits(await pixelsOf([large]), 1);
  const pixels = await pixelsOf(files);
  const expected = await model.logits(pixels, COUNT);
  const classes = TINY.classes;
  const slow = infer({ kind: "pictures", files: [large] });
  const answers = await Promise.all(
    files.flatMap((_, first) => {
      const some = files.slice(first);
      const data = pixels.slice(first * AREA * 3);
      return [
        infer({ kind: "pictures", files: some }),
        infer({ kind: "pixels", count: some.length, data }, { embeddings: first % 2 === 0 }),
      ];
    }),
  );
  for (const [place, { logits }] of answers.entries())
    assertSameBits(
      logits.logits,
      expected.logits.subarray(Math.floor(place / 2) * classes),
      `answer ${place}`,
    );
  assertSameBits((await slow).logits.logits, black.logits, "the large picture");
});

test.run();
