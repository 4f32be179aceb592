// Stored model: its classes in another order, and its weights released once they are on a device, for both families.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { readModel, releaseWeights, withClasses } from "../../runtime/model-files/stored-model.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import { randomPixels } from "../executors/micro-deit.js";
import { SYNTHETIC, syntheticWeights } from "./synthetic-model.js";
import { LABELS, regnetySource, SYNTHETIC_REGNETY, syntheticRegnety } from "./synthetic-regnety.js";

/** A cycle of all four classes: its inverse is another order. */
const ORDER = Int32Array.of(3, 0, 1, 2);

function deitSource(): ModelSource {
  const files = new Map([
    ["model.safetensors", writeSafetensors(storedFloats(syntheticWeights(SYNTHETIC)))],
    ["config.json", new TextEncoder().encode(writeConfigJson(SYNTHETIC, LABELS))],
  ]);
  return { name: "deit", location: "memory/deit", read: async (file) => files.get(file) ?? null };
}

const SOURCES: Readonly<Record<string, ModelSource>> = {
  DeiT: deitSource(),
  RegNetY: regnetySource(
    "regnety",
    syntheticRegnety(SYNTHETIC_REGNETY),
    writeConfigJson(SYNTHETIC_REGNETY, LABELS),
  ),
};

/** Node 20 has no `ArrayBuffer.transfer`. */
const canRelease = "transfer" in ArrayBuffer.prototype;

for (const [family, source] of Object.entries(SOURCES))
  test(`a ${family} on a device answers as before when its weights, views of their file, are released`, async () => {
    const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
    const wanted = await loadModel(runtime, await readModel(source));
    const read = async (file: string) => (await source.read(file))?.slice() ?? null;
    const stored = await readModel({ ...source, read }, { views: true });
    const model = await loadModel(runtime, stored);
    releaseWeights(stored);
    for (const { data } of stored.weights.values()) assert.is(data.length === 0, canRelease);
    const pixels = randomPixels(model.config, 2, 5);
    assert.equal(await model.logits(pixels, 2), await wanted.logits(pixels, 2));
    for (const each of [model, wanted]) each.dispose();
    await runtime.dispose();
  });

for (const [family, source] of Object.entries(SOURCES))
  test(`a ${family} with its classes in another order gives the same logits in that order, bit for bit`, async () => {
    const stored = await readModel(source);
    const ordered = withClasses(stored, ORDER);
    assert.equal(
      ordered.labels,
      Array.from(ORDER, (index) => LABELS[index]),
    );
    const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
    const [before, after] = [await loadModel(runtime, stored), await loadModel(runtime, ordered)];
    const pixels = randomPixels(before.config, 2, 5);
    const [from, to] = [await before.logits(pixels, 2), await after.logits(pixels, 2)];
    for (const head of ["classLogits", "distillationLogits", "logits"] as const) {
      const [wanted, got] = [from[head], to[head]];
      if (!wanted || !got) continue;
      for (const image of [0, 4])
        assert.equal(
          [...got.subarray(image, image + 4)],
          Array.from(ORDER, (index) => wanted[image + index]),
        );
    }
    assert.is(from.distillationLogits === undefined, family === "RegNetY");
    for (const model of [before, after]) model.dispose();
    await runtime.dispose();
  });

test("the model that was read keeps its own order", async () => {
  const stored = await readModel(SOURCES.DeiT);
  const head = stored.weights.get("head.weight")?.data.slice();
  withClasses(stored, ORDER);
  assert.equal(stored.labels, LABELS);
  assert.equal(stored.weights.get("head.weight")?.data, head);
});

test.run();
