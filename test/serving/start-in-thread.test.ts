// Start in thread: a served model is read, converted and hashed beside the event loop, which copying its weights to the
// device does not occupy for long either; its logits are those of the library, bit for bit, and so are its errors.

import { createHash } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startInThread } from "../../bin/serve/start-in-thread.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import type { Store } from "../../runtime/executors/device-store.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWeightStore } from "../../runtime/executors/parameter-store.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { makeTinyModel, TINY } from "../inference/tiny-model.js";

const tiny = makeTinyModel();
test.after(() => tiny.remove());

const COUNT = 2;
const PIXELS = Uint8Array.from(
  { length: COUNT * TINY.imageSize ** 2 * 3 },
  (_, place) => (place * place) % 251,
);

const backgroundRuntime = () =>
  createRuntime({ host: nodeHost(), device: "wasm", threads: 1, background: true });

for (const dtype of [undefined, "float16", "bfloat16"] as const)
  test(`${dtype ?? "float32"}: the same logits and the same parameters as in the library`, async () => {
    const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
    const here = await loadModel(runtime, nodeModelSource(tiny.folder), {
      batchSizes: [COUNT],
      ...(dtype && { dtype }),
    });
    const { model, digest, dispose } = await startInThread(await backgroundRuntime(), tiny.folder, {
      batchSizes: [COUNT],
      dtype,
    });
    assert.equal((await model.logits(PIXELS, COUNT)).logits, (await here.logits(PIXELS, COUNT)).logits);
    assert.is(model.parameters, here.parameters);
    assert.is(model.dtype, dtype ?? "float32");
    assert.is(digest, createHash("sha256").update(readFileSync(tiny.file)).digest("hex"));
    await dispose();
    here.dispose();
    await runtime.dispose();
  });

test("a model that cannot be read gives the error of the library", async () => {
  const broken = makeTinyModel();
  truncateSync(broken.file, 1_000);
  const code = async (path: string) =>
    startInThread(await backgroundRuntime(), path, { batchSizes: [1] }).then(
      () => "started",
      (error) => error.code,
    );
  assert.is(await code(broken.folder), "weights/safetensors");
  writeFileSync(join(broken.folder, "config.json"), "{");
  assert.is(await code(broken.folder), "model/config");
  assert.is(await code(join(broken.folder, "none")), "file/not-found");
  broken.remove();
});

test("while weights are copied to a device, events are handled between two tensors", async () => {
  const names = ["a", "b", "c", "d"];
  const weights: TensorMap = new Map(names.map((name) => [name, { shape: [1], data: new Float32Array(1) }]));
  let events = 0;
  const before: number[] = [];
  // Copying takes longer than a slice: no matter how the machine is loaded, each is followed by a pause.
  const write = () => {
    before.push(events);
    const end = performance.now() + 20;
    while (performance.now() < end);
  };
  const store = { write } as unknown as Store;
  const timer = setInterval(() => events++, 1);
  const shapes = new Map(names.map((name) => [name, [1]]));
  await createWeightStore({ createStore: () => store } as unknown as Executor, shapes, weights);
  clearInterval(timer);
  assert.is(new Set(before).size, names.length, `events before each tensor: ${before}`);
});

test.run();
